// An order that is placed reaches a function and a queue: a rule, a function from a folder, a queue.
const path = require("path");
const { App, CfnOutput, Stack } = require("aws-cdk-lib");
const { Rule } = require("aws-cdk-lib/aws-events");
const { LambdaFunction, SqsQueue } = require("aws-cdk-lib/aws-events-targets");
const { Code, Function, Runtime } = require("aws-cdk-lib/aws-lambda");
const { Queue } = require("aws-cdk-lib/aws-sqs");

const app = new App();
const stack = new Stack(app, "Shop");

const orders = new Queue(stack, "Orders");
const invoice = new Function(stack, "Invoice", {
  runtime: new Runtime(app.node.tryGetContext("runtime") ?? "python3.13"),
  handler: "app.handler",
  code: Code.fromAsset(path.join(__dirname, "function")),
});
new Rule(stack, "OrderPlaced", {
  eventPattern: { source: ["shop"], detailType: ["OrderPlaced"] },
  targets: [new LambdaFunction(invoice), new SqsQueue(orders)],
});

new CfnOutput(stack, "QueueUrl", { value: orders.queueUrl });
new CfnOutput(stack, "FunctionName", { value: invoice.functionName });
