/* Schemas of /openapi.json that no form tells: what replies hold, and the parts of OpenAI's bodies. */
#include "serve/openapi/openapi.h"

#define ID       "{\"type\":\"string\"}"
#define NULLABLE "{\"type\":[\"string\",\"null\"]}"

const openapi_schema openapi_schemas[] = {
    {"Error", "{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"object\","
              "\"required\":[\"message\",\"type\",\"param\",\"code\"],\"properties\":{\"message\":" ID ",\"type\":" ID
              ",\"param\":" NULLABLE ",\"code\":" NULLABLE "}}}}"},
    {"Alive", "{\"type\":\"object\",\"required\":[\"Alive\"],\"properties\":{\"Alive\":{\"type\":\"boolean\"}}}"},
    {"Ready", "{\"type\":\"object\",\"required\":[\"Ready\",\"DataStoreConnected\"],\"properties\":{"
              "\"Ready\":{\"type\":\"boolean\"},\"DataStoreConnected\":{\"type\":\"boolean\"},"
              "\"CacheStoreConnected\":{\"type\":\"boolean\"}}}"},
    {"RowAffected", "{\"type\":\"object\",\"required\":[\"RowAffected\"],\"properties\":{"
                    "\"RowAffected\":{\"type\":\"integer\",\"minimum\":0}}}"},
    {"Time", /* as when_read takes them */
     "{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
     "([Tt "
     "]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\\\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?)?$\"},"
     "{\"type\":\"integer\",\"minimum\":-62135596800,\"maximum\":253402300799999},{\"type\":\"null\"}]}"},
    /* Gorse's */
    {"User", "{\"type\":\"object\",\"required\":[\"UserId\"],\"properties\":{\"UserId\":" ID
             ",\"Labels\":{},\"Comment\":" ID "}}"},
    {"Users", "{\"type\":\"object\",\"required\":[\"Cursor\",\"Users\"],\"properties\":{\"Cursor\":" ID
              ",\"Users\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/User\"}}}}"},
    {"Item", "{\"type\":\"object\",\"required\":[\"ItemId\",\"IsHidden\",\"Categories\"],\"properties\":{\"ItemId\":" ID
             ",\"IsHidden\":{\"type\":\"boolean\"},\"Categories\":{\"type\":[\"array\",\"null\"],\"items\":" ID
             "},\"Timestamp\":" ID ",\"Labels\":{},\"Title\":" ID ",\"Comment\":" ID "}}"},
    {"Items", "{\"type\":\"object\",\"required\":[\"Cursor\",\"Items\"],\"properties\":{\"Cursor\":" ID
              ",\"Items\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Item\"}}}}"},
    {"Event", "{\"type\":\"object\",\"required\":[\"FeedbackType\",\"UserId\",\"ItemId\"],\"properties\":{"
              "\"FeedbackType\":" ID ",\"UserId\":" ID ",\"ItemId\":" ID ",\"Value\":{\"type\":\"number\"},"
              "\"Timestamp\":" ID ",\"Comment\":" ID ",\"EventId\":" ID "}}"},
    {"Events", "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Event\"}}"},
    {"EventPage", "{\"type\":\"object\",\"required\":[\"Cursor\",\"Feedback\"],\"properties\":{\"Cursor\":" ID
                  ",\"Feedback\":{\"$ref\":\"#/components/schemas/Events\"}}}"},
    {"Ids", "{\"type\":\"array\",\"items\":" ID "}"},
    {"Scores", "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"Id\",\"Score\"],\"properties\":{"
               "\"Id\":" ID ",\"Score\":{\"type\":\"number\"}}}}"},
    {"Session", "{\"type\":\"array\",\"maxItems\":10000,\"items\":{\"type\":\"object\",\"required\":[\"ItemId\"],"
                "\"properties\":{\"ItemId\":" ID "}}}"},
    {"Training", "{\"type\":\"object\"}"},
    /* lorec's */
    {"SlateItem",
     "{\"type\":\"object\",\"required\":[\"id\",\"title\",\"score\",\"source\",\"reason\"],\"properties\":{"
     "\"id\":" ID ",\"title\":" ID ",\"score\":{\"type\":[\"number\",\"null\"]},\"source\":" ID ",\"reason\":" NULLABLE
     "}}"},
    {"Slate",
     "{\"type\":\"object\",\"required\":[\"request_id\",\"run\",\"variant\",\"degraded\",\"took_ms\",\"items\"],"
     "\"properties\":{\"request_id\":" ID ",\"run\":" ID ",\"variant\":" ID ",\"degraded\":" NULLABLE
     ",\"took_ms\":{\"type\":\"number\"},\"items\":{\"type\":\"array\",\"items\":{\"$ref\":"
     "\"#/components/schemas/SlateItem\"}},\"reasons_by\":{\"enum\":[\"llm\",\"rule\"]}}}"},
    {"Explanation",
     "{\"allOf\":[{\"$ref\":\"#/components/schemas/Slate\"},{\"type\":\"object\",\"properties\":{\"items\":{"
     "\"type\":\"array\",\"minItems\":1,\"maxItems\":1,\"items\":{\"type\":\"object\",\"required\":[\"basis\","
     "\"evidence\",\"popularity\"],\"properties\":{\"basis\":{\"enum\":[\"model\",\"text\",\"popular\"]},"
     "\"popularity\":{\"type\":\"integer\"},\"evidence\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
     "\"required\":[\"id\",\"title\",\"effect\",\"shared\"],\"properties\":{\"id\":" ID ",\"title\":" ID
     ",\"effect\":{\"type\":\"number\"},\"shared\":{\"$ref\":\"#/components/schemas/Ids\"}}}}}}}}}]}"},
    {"Methods",
     "{\"type\":\"object\",\"required\":[\"methods\"],\"properties\":{\"methods\":{\"type\":\"array\","
     "\"items\":{\"type\":\"object\",\"required\":[\"method\",\"run\",\"model\"],\"properties\":{\"method\":" ID
     ",\"title\":" ID ",\"run\":" ID ",\"model\":" ID
     ",\"seed\":{\"type\":\"integer\"},\"split\":{\"type\":\"boolean\"}}}}}}"},
    {"Catalogue", "{\"type\":\"object\",\"required\":[\"total\",\"items\"],\"properties\":{\"total\":{\"type\":"
                  "\"integer\"},\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"id\","
                  "\"title\",\"categories\",\"popularity\"],\"properties\":{\"id\":" ID ",\"title\":" ID "}}}}}"},
    {"People", "{\"type\":\"object\",\"required\":[\"users\"],\"properties\":{\"users\":{\"$ref\":"
               "\"#/components/schemas/Ids\"}}}"},
    {"Runs", "{\"type\":\"object\",\"required\":[\"runs\"],\"properties\":{\"runs\":{\"type\":\"array\"}}}"},
    /* OpenAI's */
    {"Model",
     "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"created\",\"owned_by\"],\"properties\":{\"id\":" ID
     ",\"object\":{\"const\":\"model\"},\"created\":{\"type\":\"integer\"},\"owned_by\":" ID "}}"},
    {"Models",
     "{\"type\":\"object\",\"required\":[\"object\",\"data\"],\"properties\":{\"object\":{\"const\":\"list\"},"
     "\"data\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Model\"}}}}"},
    {"TokenIds", "{\"type\":\"array\",\"minItems\":1,\"maxItems\":100000,\"items\":{\"type\":\"integer\",\"minimum\":0,"
                 "\"maximum\":2147483647}}"},
    {"TextPart", "{\"type\":\"object\",\"required\":[\"type\",\"text\"],\"properties\":{\"type\":{\"const\":\"text\"},"
                 "\"text\":{\"type\":\"string\"}}}"},
    {"ChatContent", "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":"
                    "\"#/components/schemas/TextPart\"}}]}"},
    {"ChatMessage",
     "{\"anyOf\":[{\"type\":\"object\",\"required\":[\"role\",\"content\"],\"properties\":{\"role\":{\"enum\":["
     "\"system\",\"developer\",\"user\",\"assistant\"]},\"content\":{\"$ref\":\"#/components/schemas/ChatContent\"},"
     "\"name\":{\"type\":[\"string\",\"null\"]},\"tool_calls\":{\"type\":\"null\"}}},{\"type\":\"object\",\"required\":"
     "["
     "\"role\",\"tool_calls\"],\"properties\":{\"role\":{\"const\":\"assistant\"},\"content\":{\"type\":[\"string\","
     "\"null\"]},\"name\":{\"type\":[\"string\",\"null\"]},\"tool_calls\":{\"type\":\"array\",\"minItems\":1,\"items\":"
     "{"
     "\"$ref\":\"#/components/schemas/ToolCall\"}}}},{\"type\":\"object\",\"required\":[\"role\",\"content\","
     "\"tool_call_id\"],\"properties\":{\"role\":{\"const\":\"tool\"},\"content\":{\"$ref\":"
     "\"#/components/schemas/ChatContent\"},\"name\":{\"type\":[\"string\",\"null\"]},\"tool_call_id\":{\"type\":"
     "\"string\"}}}]}"},
    {"ToolCall", "{\"type\":\"object\",\"required\":[\"function\"],\"properties\":{\"function\":{\"type\":\"object\","
                 "\"required\":[\"name\",\"arguments\"],\"properties\":{\"name\":{\"type\":\"string\"},\"arguments\":{"
                 "\"type\":\"string\"}}}}}"},
    {"Tool",
     "{\"type\":\"object\",\"required\":[\"type\",\"function\"],\"properties\":{\"type\":{\"const\":\"function\"},"
     "\"function\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\","
     "\"minLength\":1},\"parameters\":{\"type\":[\"object\",\"null\"]}}}}}"},
    {"Usage",
     "{\"type\":\"object\",\"required\":[\"prompt_tokens\",\"total_tokens\"],\"properties\":{\"prompt_tokens\":{"
     "\"type\":\"integer\"},\"completion_tokens\":{\"type\":\"integer\"},\"total_tokens\":{\"type\":"
     "\"integer\"}}}"},
    {"ChatCompletion",
     "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"created\",\"model\",\"choices\",\"usage\"],\"properties\":"
     "{"
     "\"id\":" ID ",\"object\":{\"const\":\"chat.completion\"},\"created\":{\"type\":\"integer\"},\"model\":" ID
     ",\"usage\":{\"$ref\":\"#/components/schemas/"
     "Usage\"},\"choices\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
     "\"required\":[\"index\",\"message\",\"finish_reason\",\"logprobs\"],\"properties\":{\"index\":{\"type\":"
     "\"integer\"},\"finish_reason\":{\"enum\":[\"stop\",\"length\",\"tool_calls\",\"content_filter\"]},\"message\":{"
     "\"type\":\"object\",\"required\":[\"role\",\"content\"],\"properties\":{\"role\":{\"const\":\"assistant\"},"
     "\"content\":" NULLABLE "}},\"logprobs\":{\"type\":[\"object\",\"null\"]}}}},\"lorec\":{\"$ref\":"
     "\"#/components/schemas/Slate\"}}}"},
    {"Completion",
     "{\"type\":\"object\",\"required\":[\"id\",\"object\",\"created\",\"model\",\"choices\",\"usage\"],\"properties\":"
     "{"
     "\"id\":" ID ",\"object\":{\"const\":\"text_completion\"},\"created\":{\"type\":\"integer\"},\"model\":" ID
     ",\"usage\":{\"$ref\":\"#/components/schemas/"
     "Usage\"},\"choices\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
     "\"required\":[\"index\",\"text\",\"finish_reason\",\"logprobs\"],\"properties\":{\"index\":{\"type\":\"integer\"}"
     ","
     "\"text\":" ID ",\"logprobs\":{\"type\":[\"object\",\"null\"]}}}}}}"},
    {"Embeddings",
     "{\"type\":\"object\",\"required\":[\"object\",\"data\",\"model\",\"usage\"],\"properties\":{\"object\":{"
     "\"const\":"
     "\"list\"},\"model\":" ID ",\"usage\":{\"$ref\":\"#/components/schemas/Usage\"},\"data\":{\"type\":\"array\","
     "\"items\":{\"type\":\"object\",\"required\":[\"object\",\"index\",\"embedding\"],\"properties\":{\"object\":{"
     "\"const\":\"embedding\"},\"index\":{\"type\":\"integer\"},\"embedding\":{\"anyOf\":[{\"type\":\"string\"},{"
     "\"type\":\"array\",\"items\":{\"type\":\"number\"}}]}}}}}}"},
};
const size_t openapi_n_schemas = sizeof openapi_schemas / sizeof *openapi_schemas;
