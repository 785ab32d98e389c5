"""Gorse's client for Python (PyPI: PyGorse), unchanged, against `lorec serve`: gorse_client.py URL KEY. See ../gorse_client.sh."""
import asyncio
import sys

from gorse import AsyncGorse, Gorse, GorseException

url, key = sys.argv[1:3]
c = Gorse(url, key)
checks = 0


def check(name, ok, seen=None):
    global checks
    checks += 1
    if not ok:
        sys.exit(f"{name}: {seen!r}")


def refused(name, code, call):
    try:
        seen = call()
    except GorseException as e:
        return check(name, e.status_code == code, (e.status_code, e.message))
    check(name, False, seen)


def ids(scores):
    return [s.id for s in scores]


WHEN = "2022-11-20T13:55:27Z"

# users
check("insert_user", c.insert_user({"UserId": "bob", "Labels": {"age": 30}, "Comment": "x"}) == {"RowAffected": 1})
check("insert_users", c.insert_users([{"UserId": "ann", "Labels": ["a"]}, {"UserId": "eve"}]) == {"RowAffected": 2})
check("get_user", c.get_user("bob") == {"UserId": "bob", "Labels": {"age": 30}, "Comment": "x"}, c.get_user("bob"))
page, cursor = c.get_users(2)
check("get_users", [u["UserId"] for u in page] == ["ann", "bob"] and cursor, (page, cursor))
page, cursor = c.get_users(2, cursor)
check("get_users, the next page", [u["UserId"] for u in page] == ["eve"] and not cursor, (page, cursor))

# items
train = {"ItemId": "train", "IsHidden": False, "Categories": ["toys"], "Timestamp": WHEN, "Labels": {"tags": ["x"]},
         "Comment": "a wooden locomotive"}
check("insert_item", c.insert_item(train) == {"RowAffected": 1})
check("get_item", c.get_item("train") == {**train, "Title": ""}, c.get_item("train"))
check("update_item", c.update_item("train", is_hidden=True) == {"RowAffected": 1})
check("update_item leaves the rest", c.get_item("train") == {**train, "Title": "", "IsHidden": True}, c.get_item("train"))
c.update_item("train", is_hidden=False, categories=["toys", "wood"], labels=["l"], comment="a locomotive, again")
seen = c.get_item("train")
check("update_item of every field", (seen["Categories"], seen["Labels"], seen["Comment"], seen["IsHidden"]) ==
      (["toys", "wood"], ["l"], "a locomotive, again", False), seen)
check("get_items", [i["ItemId"] for i in c.get_items(5)[0]] == ["train"], c.get_items(5))
check("search_items by a comment", [i["ItemId"] for i in c.search_items("locomotive")] == ["train"], c.search_items("locomotive"))
check("search_items by a title of the data", c.search_items("toy story")[0]["ItemId"] == "1", c.search_items("toy story"))
check("get_item of the data", c.get_item("1")["Title"] == "Toy Story (1995)", c.get_item("1"))

# feedback
check("insert_feedback", c.insert_feedback("like", "bob", "1", WHEN) == {"RowAffected": 1})
check("insert_feedback with a value", c.insert_feedback("rating", "bob", "1", WHEN, 4) == {"RowAffected": 1})
rows = [{"FeedbackType": "star", "UserId": "bob", "ItemId": "50", "Timestamp": WHEN},
        {"FeedbackType": "read", "UserId": "bob", "ItemId": "100", "Timestamp": ""}]
check("insert_feedbacks", c.insert_feedbacks(rows) == {"RowAffected": 2})
seen = c.list_feedbacks("like", "bob")
check("list_feedbacks", [(f["ItemId"], f["Timestamp"]) for f in seen] == [("1", WHEN)], seen)
first, cursor = c.get_feedbacks(3)
rest, end = c.get_feedbacks(3, cursor)
check("get_feedbacks by pages", len(first) == 3 and len(rest) == 1 and not end, (first, rest, end))

# lists
top = c.get_recommend("bob", n=5)
check("get_recommend", len(top) == 5 and all(a.score >= b.score for a, b in zip(top, top[1:])), [s.to_dict() for s in top])
check("get_recommend leaves out what was had", not {"1", "50", "100"} & set(ids(top)), ids(top))
check("get_recommend with an offset", ids(c.get_recommend("bob", n=3, offset=2)) == ids(top)[2:], ids(top))
seen = ids(c.get_recommend("bob", category="Comedy", n=3))
check("get_recommend of a category", len(seen) == 3 and all("Comedy" in c.get_item(i)["Categories"] for i in seen), seen)
check("get_recommend of an unknown category", c.get_recommend("bob", category="none such") == [])
check("get_recommend of a stranger", len(c.get_recommend("nobody yet", n=4)) == 4)
given = ids(c.get_recommend("bob", n=3, write_back_type="read", write_back_delay="1m30s"))
after = ids(c.get_recommend("bob", n=3))
check("get_recommend writes back", given == ids(top)[:3] and not set(given) & set(after), (given, after))
check("what was written back is feedback", {f["ItemId"] for f in c.list_feedbacks("read", "bob")} == {"100", *given})
refused("a delay that is none", 400, lambda: c.get_recommend("bob", write_back_type="read", write_back_delay="soon"))
session = c.session_recommend([{"FeedbackType": "like", "UserId": "", "ItemId": "1", "Timestamp": WHEN}], n=3)
check("session_recommend", len(session) == 3 and {"Id", "Score"} == set(session[0]), session)
near = c.get_neighbors("1", n=3)
check("get_neighbors", len(near) == 3 and "1" not in [i["Id"] for i in near], near)
check("get_neighbors with an offset", c.get_neighbors("1", n=2, offset=1) == near[1:], near)

# taking back
check("delete_feedback", c.delete_feedback("bob", "1") == {"RowAffected": 2})
check("delete_feedback of every type", c.list_feedbacks("like", "bob") == [] and c.list_feedbacks("rating", "bob") == [])
check("feedback again after that", c.insert_feedback("like", "bob", "1", WHEN) == {"RowAffected": 1} and
      len(c.list_feedbacks("like", "bob")) == 1)
check("delete_item", c.delete_item("train") == {"RowAffected": 1})
refused("a deleted item", 404, lambda: c.get_item("train"))
check("a deleted item of the data", c.delete_item("181") == {"RowAffected": 1} and
      "181" not in ids(c.get_recommend("ann", n=100)), None)
check("delete_user", c.delete_user("bob") == {"RowAffected": 1})
refused("a deleted user", 404, lambda: c.get_user("bob"))
refused("another key", 401, lambda: Gorse(url, "wrong").get_users(1))


async def others():
    a = AsyncGorse(url, key)
    check("async insert_user", await a.insert_user({"UserId": "kim"}) == {"RowAffected": 1})
    check("async insert_feedback", await a.insert_feedback("like", "kim", "50", WHEN) == {"RowAffected": 1})
    lists = await asyncio.gather(*[a.get_recommend("kim", n=5) for _ in range(16)])
    check("async get_recommend", all(ids(x) == ids(lists[0]) and len(x) == 5 for x in lists), lists)
    check("async session_recommend", len(await a.session_recommend([{"ItemId": "50"}], n=2)) == 2)
    check("async get_neighbors", len(await a.get_neighbors("50", n=2)) == 2)
    check("async delete_feedback", await a.delete_feedback("kim", "50") == {"RowAffected": 1})
    check("async delete_user", await a.delete_user("kim") == {"RowAffected": 1})


asyncio.run(others())
print(f"{checks} checks, all fine")
