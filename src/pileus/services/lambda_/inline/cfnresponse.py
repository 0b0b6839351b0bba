"""Answers a custom resource's request: in functions whose code stands in their template.

Source of the interface: CloudFormation user guide, "cfn-response module". Runs inside functions.
"""

import json

import urllib3

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(
    event,
    context,
    responseStatus,
    responseData,
    physicalResourceId=None,
    noEcho=False,
    reason=None,
):
    body = json.dumps(
        {
            "Status": responseStatus,
            "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
            "PhysicalResourceId": physicalResourceId or context.log_stream_name,
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
            "NoEcho": noEcho,
            "Data": responseData,
        }
    ).encode()
    print(f"Response to {event['LogicalResourceId']}: {responseStatus}")
    headers = {"content-type": "", "content-length": str(len(body))}
    try:
        answer = urllib3.PoolManager().request("PUT", event["ResponseURL"], headers=headers, body=body, retries=3)
        print(f"Status code: {answer.status}")
    except urllib3.exceptions.HTTPError as error:
        print(f"The response could not be sent: {error}")
