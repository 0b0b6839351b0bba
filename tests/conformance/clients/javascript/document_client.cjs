// The DocumentClient against a real server: each test is a rule of what its users write. Run by test_javascript_sdk.py.

const assert = require("node:assert/strict");
const { after, before, test } = require("node:test");
const {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceNotFoundException,
  waitUntilTableExists,
  waitUntilTableNotExists,
} = require("@aws-sdk/client-dynamodb");
const {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} = require("@aws-sdk/client-dynamodb-streams");
const lib = require("@aws-sdk/lib-dynamodb");

const settings = { endpoint: process.env.ENDPOINT, region: "us-east-1", maxAttempts: 1 };
const client = new DynamoDBClient(settings);
const streams = new DynamoDBStreamsClient(settings);
const documents = lib.DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
// Of a client of its own, as such settings are the client's.
const exact = lib.DynamoDBDocumentClient.from(new DynamoDBClient(settings), { unmarshallOptions: { wrapNumbers: true } });
const TableName = "Songs";
const quick = { client, maxWaitTime: 20, minDelay: 0.05, maxDelay: 0.1 };
let streamArn;

before(async () => {
  const made = await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [
        { AttributeName: "artist", AttributeType: "S" },
        { AttributeName: "year", AttributeType: "N" },
        { AttributeName: "genre", AttributeType: "S" },
      ],
      KeySchema: [
        { AttributeName: "artist", KeyType: "HASH" },
        { AttributeName: "year", KeyType: "RANGE" },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: "by-genre",
          KeySchema: [{ AttributeName: "genre", KeyType: "HASH" }],
          Projection: { ProjectionType: "ALL" },
        },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    }),
  );
  streamArn = made.TableDescription.LatestStreamArn;
  await waitUntilTableExists(quick, { TableName });
});

after(async () => {
  await client.send(new DeleteTableCommand({ TableName }));
  await waitUntilTableNotExists(quick, { TableName });
  await assert.rejects(client.send(new DescribeTableCommand({ TableName })), ResourceNotFoundException);
});

test("values come back as they went", async () => {
  const Item = {
    artist: "ä",
    year: 1,
    number: -1.5,
    binary: new Uint8Array([0, 255]),
    flag: true,
    nothing: null,
    left: undefined,
    list: [1, "two", { three: [3] }],
    map: { deep: { deeper: "x" } },
    strings: new Set(["a", "b"]),
    numbers: new Set([1, 2.5]),
    empty: "",
  };
  await documents.send(new lib.PutCommand({ TableName, Item }));
  const found = await documents.send(
    new lib.GetCommand({ TableName, Key: { artist: "ä", year: 1 }, ConsistentRead: true }),
  );
  delete Item.left;
  assert.deepEqual(found.Item, Item);
});

test("large numbers keep their digits", async () => {
  const digits = "12345678901234567890.123456789012345678";
  const Item = { artist: "n", year: 1, n: lib.NumberValue.from(digits) };
  await exact.send(new lib.PutCommand({ TableName, Item }));
  const found = await exact.send(new lib.GetCommand({ TableName, Key: { artist: "n", year: 1 } }));
  assert.equal(found.Item.n.toString(), digits);
});

test("conditions, updates and their exceptions", async () => {
  const Key = { artist: "u", year: 1 };
  const updated = await documents.send(
    new lib.UpdateCommand({
      TableName,
      Key,
      UpdateExpression: "SET #n = if_not_exists(#n, :zero) + :one, tags = :tags",
      ExpressionAttributeNames: { "#n": "count" },
      ExpressionAttributeValues: { ":zero": 0, ":one": 1, ":tags": ["x"] },
      ReturnValues: "ALL_NEW",
    }),
  );
  assert.deepEqual(updated.Attributes, { ...Key, count: 1, tags: ["x"] });
  await assert.rejects(
    documents.send(
      new lib.DeleteCommand({
        TableName,
        Key,
        ConditionExpression: "size(tags) > :n",
        ExpressionAttributeValues: { ":n": 1 },
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      }),
    ),
    (error) => error.name === "ConditionalCheckFailedException" && error.Item.count.N === "1",
  );
  const gone = await documents.send(new lib.DeleteCommand({ TableName, Key, ReturnValues: "ALL_OLD" }));
  assert.equal(gone.Attributes.count, 1);
});

test("batches, queries and scans in pages", async () => {
  const puts = [...Array(12).keys()].map((year) => ({
    PutRequest: { Item: { artist: "b", year, genre: year % 2 ? "odd" : "even" } },
  }));
  const written = await documents.send(new lib.BatchWriteCommand({ RequestItems: { [TableName]: puts } }));
  assert.deepEqual(written.UnprocessedItems, {});
  const years = [];
  const query = {
    TableName,
    KeyConditionExpression: "artist = :a AND #y BETWEEN :low AND :high",
    ExpressionAttributeNames: { "#y": "year" },
    ExpressionAttributeValues: { ":a": "b", ":low": 2, ":high": 9 },
    ScanIndexForward: false,
  };
  for await (const page of lib.paginateQuery({ client: documents, pageSize: 3 }, query)) {
    assert.ok(page.Items.length <= 3);
    years.push(...page.Items.map((item) => item.year));
  }
  assert.deepEqual(years, [9, 8, 7, 6, 5, 4, 3, 2]);
  const odd = await documents.send(
    new lib.QueryCommand({
      TableName,
      IndexName: "by-genre",
      KeyConditionExpression: "genre = :g",
      ExpressionAttributeValues: { ":g": "odd" },
    }),
  );
  assert.equal(odd.Count, 6);
  let count = 0;
  const scan = { TableName, FilterExpression: "artist = :a", ExpressionAttributeValues: { ":a": "b" } };
  for await (const page of lib.paginateScan({ client: documents, pageSize: 5 }, scan)) count += page.Count;
  assert.equal(count, 12);
  const Keys = [3, 4].map((year) => ({ artist: "b", year }));
  const got = await documents.send(new lib.BatchGetCommand({ RequestItems: { [TableName]: { Keys } } }));
  assert.deepEqual(new Set(got.Responses[TableName].map((item) => item.genre)), new Set(["odd", "even"]));
});

test("transactions are all or nothing", async () => {
  const put = { Put: { TableName, Item: { artist: "t", year: 1, n: 1 } } };
  const check = {
    ConditionCheck: { TableName, Key: { artist: "t", year: 2 }, ConditionExpression: "attribute_exists(artist)" },
  };
  await assert.rejects(
    documents.send(new lib.TransactWriteCommand({ TransactItems: [put, check] })),
    (error) =>
      error.name === "TransactionCanceledException" &&
      error.CancellationReasons.map((reason) => reason.Code).join() === "None,ConditionalCheckFailed",
  );
  // Given no token, the SDK makes one of its own.
  await documents.send(new lib.TransactWriteCommand({ TransactItems: [put] }));
  const gets = [1, 2].map((year) => ({ Get: { TableName, Key: { artist: "t", year } } }));
  const got = await documents.send(new lib.TransactGetCommand({ TransactItems: gets }));
  assert.deepEqual(got.Responses, [{ Item: { artist: "t", year: 1, n: 1 } }, {}]);
});

test("PartiQL takes and gives documents", async () => {
  await documents.send(
    new lib.ExecuteStatementCommand({
      Statement: `INSERT INTO ${TableName} VALUE {'artist': ?, 'year': ?, 'm': ?}`,
      Parameters: ["q", 1, { list: [1, null] }],
    }),
  );
  const found = await documents.send(
    new lib.ExecuteStatementCommand({
      Statement: `SELECT m FROM ${TableName} WHERE artist = ? AND "year" = ?`,
      Parameters: ["q", 1],
    }),
  );
  assert.deepEqual(found.Items, [{ m: { list: [1, null] } }]);
  const batch = await documents.send(
    new lib.BatchExecuteStatementCommand({
      Statements: [1, 2].map((year) => ({
        Statement: `SELECT * FROM ${TableName} WHERE artist = ? AND "year" = ?`,
        Parameters: ["q", year],
      })),
    }),
  );
  assert.deepEqual(batch.Responses.map((one) => one.Item?.artist), ["q", undefined]);
});

test("the stream has told of each change", async () => {
  const described = await streams.send(new DescribeStreamCommand({ StreamArn: streamArn }));
  const [shard] = described.StreamDescription.Shards;
  const { ShardIterator } = await streams.send(
    new GetShardIteratorCommand({
      StreamArn: streamArn,
      ShardId: shard.ShardId,
      ShardIteratorType: "TRIM_HORIZON",
    }),
  );
  const { Records } = await streams.send(new GetRecordsCommand({ ShardIterator }));
  const binary = Records[0].dynamodb.NewImage.binary.B;
  assert.deepEqual([...binary], [0, 255]);
  const counted = Records.filter((record) => record.dynamodb.Keys.artist.S === "u");
  assert.deepEqual(counted.map((record) => record.eventName), ["INSERT", "REMOVE"]);
  assert.deepEqual(counted[1].dynamodb.OldImage, counted[0].dynamodb.NewImage);
});
