"""The only HTTP there is: server.py takes requests in, pipeline.py says what happens to one."""
