// Answers a custom resource's request: in functions whose code stands in their template.
// Source of the interface: CloudFormation user guide, "cfn-response module". Runs inside functions.
'use strict';

exports.SUCCESS = 'SUCCESS';
exports.FAILED = 'FAILED';

exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: 'See the details in CloudWatch Log Stream: ' + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const url = new URL(event.ResponseURL);
  const protocol = url.protocol === 'http:' ? require('http') : require('https');
  const options = {
    method: 'PUT',
    headers: { 'content-type': '', 'content-length': Buffer.byteLength(body) },
  };
  return new Promise((resolve) => {
    const done = (line) => {
      console.log(line);
      resolve(context.done());
    };
    const request = protocol.request(url, options, (answer) => {
      answer.resume();
      done('Status code: ' + answer.statusCode);
    });
    request.on('error', (error) => done('The response could not be sent: ' + error));
    request.end(body);
  });
};
