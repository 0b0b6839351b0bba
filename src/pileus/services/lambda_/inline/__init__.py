"""The cfn-response modules that inline code may load. They run inside functions and import nothing of Pileus."""
