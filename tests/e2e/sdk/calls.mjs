// Calls services of every protocol with the credentials of the environment, and prints what came of each call.
import { Readable } from "node:stream";
import { EventBridgeClient, ListEventBusesCommand, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { GetFunctionCommand, LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateTopicCommand, SNSClient } from "@aws-sdk/client-sns";
import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const results = {};
async function call(name, work) {
  try {
    results[name] = (await work()) ?? "done";
  } catch (error) {
    results[name] = `${error.name}: ${error.message}`;
  }
}

const events = new EventBridgeClient({});
const s3 = new S3Client({ forcePathStyle: true });
const Bucket = "from-javascript";
const Key = "a key (1)/é+&.txt";

await call("json", () => events.send(new ListEventBusesCommand({ Limit: 5 })).then((found) => found.EventBuses[0].Name));
await call("put", () =>
  events
    .send(new PutEventsCommand({ Entries: [{ Source: "js", DetailType: "t", Detail: '{"text": "é"}' }] }))
    .then((put) => put.FailedEntryCount),
);
await call("query", () => new STSClient({}).send(new GetCallerIdentityCommand({})).then((me) => me.Arn));
await call("sns", () => new SNSClient({}).send(new CreateTopicCommand({ Name: "js" })).then((made) => made.TopicArn));
await call("sqs", async () => {
  const sqs = new SQSClient({});
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "js" }));
  return (await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "é" }))).MD5OfMessageBody;
});
await call("rest-json", () =>
  new LambdaClient({}).send(new ListFunctionsCommand({ MaxItems: 5 })).then((found) => found.Functions.length),
);
await call("encoded path", () =>
  new LambdaClient({}).send(
    new GetFunctionCommand({ FunctionName: "arn:aws:lambda:us-east-1:000000000000:function:none" }),
  ),
);
await call("bucket", () => s3.send(new CreateBucketCommand({ Bucket })).then(() => "done"));
await call("object", () =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body: "text", Metadata: { owner: "me  too" } })).then(() => "done"),
);
await call("read", async () => {
  const found = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return `${await found.Body.transformToString()} of ${found.Metadata.owner}`;
});
await call("list", () =>
  s3.send(new ListObjectsV2Command({ Bucket, Prefix: "a key (" })).then((found) => found.Contents[0].Key),
);
await call("stream", async () => {
  const Body = Readable.from([Buffer.alloc(6_000_000, 1), Buffer.alloc(3_000_000, 2)]);
  await new Upload({ client: s3, params: { Bucket, Key: "big", Body } }).done();
  return (await s3.send(new GetObjectCommand({ Bucket, Key: "big" }))).ContentLength;
});
await call("link", async () => {
  const link = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
  const changed = await fetch(link.replace("X-Amz-Expires=60", "X-Amz-Expires=61"));
  return `${await (await fetch(link)).text()}, ${changed.status}`;
});
await call("link to put", async () => {
  const link = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "put" }), { expiresIn: 60 });
  return (await fetch(link, { method: "PUT", body: "by a link" })).status;
});
await call("role", async () => {
  const RoleArn = process.env.ROLE;
  const issued = (await new STSClient({}).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "js" }))).Credentials;
  const credentials = {
    accessKeyId: issued.AccessKeyId,
    secretAccessKey: issued.SecretAccessKey,
    sessionToken: issued.SessionToken,
  };
  return (await new STSClient({ credentials }).send(new GetCallerIdentityCommand({}))).Arn;
});
await call("wrong secret", () =>
  new STSClient({
    credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "wrong" },
  }).send(new GetCallerIdentityCommand({})),
);
console.log(JSON.stringify(results));
