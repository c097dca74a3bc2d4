"""Characters, words and frames that are no JSON, or odd JSON, to put into an upload or around it."""

from __future__ import annotations

import gzip
from random import Random

from streams.refusal import DEEPEST

NOT_UTF8 = {
    "a lone continuation byte": b"\x80",
    "a row of them": b"\xbf\xbf\xbf",
    "an overlong slash in two": b"\xc0\xaf",
    "an overlong slash in three": b"\xe0\x80\xaf",
    "an overlong slash in four": b"\xf0\x80\x80\xaf",
    "an overlong zero": b"\xc0\x80",
    "a high surrogate": b"\xed\xa0\x80",
    "a low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\xbd\xed\xb2\xa9",
    "beyond the last letter": b"\xf4\x90\x80\x80",
    "a lead byte that there is not": b"\xf5\x80\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "fe": b"\xfe",
    "ff": b"\xff",
    "two bytes cut off": b"\xc3",
    "three bytes cut off": b"\xe2\x82",
    "four bytes cut off": b"\xf0\x9f\x92",
    "Latin-1": "Wäsche".encode("latin-1"),
    "Windows-1252": "€".encode("cp1252"),
    "Shift-JIS": "洗濯".encode("shift-jis"),
}
UTF8 = {
    "two bytes": "é",
    "three bytes": "€",
    "four bytes": "𐍈",
    "the last letter of all": "\U0010ffff",
    "no letters": "\ufffe\uffff\ufdd0",
    "line separators": "\u2028\u2029",
    "a byte order mark inside": "\ufeff",
    "delete": "\x7f",
    "C1 controls": "\x80\x9f",
    "right to left": "\u202eabc",
    "escapes": '\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9',
    "an escaped pair": "\\ud834\\udd1e",
    "an escaped zero": "\\u0000",
    "brackets and quotes": '}],{[\\":',
    "comments": "// /* */ #",
}
NOT_NUMBERS = [
    "+1", ".5", "5.", "-", "--1", "1e", "1e+", "1e5.5", "0x10", "0b1", "0o7", "1_000", "01", "-01", "00", "1 000",
    "NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "∞", "１", "½", "1,5", "1.2.3", "$1", "1f", "1L", "0.1e",
    "١", "1/2", "(1)", "1-1",
]  # fmt: skip
NOT_VALUES = [
    "True", "FALSE", "nul", "nulll", "undefined", "None", "nil", "eco", "'eco'", '"eco', 'eco"', "`eco`", '"ec\\o"',
    '"\\x65co"', "\"\\'eco\"", '"\\u12"', '"\\uzzzz"', '"\\U00000065"', '"eco\\"', '"ec" "o"', '"ec"+"o"', "<eco>",
    "“eco”", "[1", "1]", "[1}", "{1}", '{"a"}', '{"a":}', "{:1}", "{,}", "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]",
    '{"a" 1}', '{"a"::1}', '{"a":1,}', '{"a":1,,"b":2}', "{a:1}", "{'a':1}", '{"a":1 "b":2}', '{"a";1}', "[1;2]",
    "", "*", "...", "[...]", "/**/1", "1//", "1#", "Date(0)", "new Date(0)",
]  # fmt: skip
FRAMES = {
    "a byte order mark before": "\ufeff@",
    "a comment before": "/* an upload */ @",
    "a line comment behind": "@ // an upload",
    "a shell comment behind": "@ # an upload",
    "a guard against scripts": ")]},\n@",
    "a call": "callback(@);",
    "an assignment": "upload = @;",
    "two": "@@",
    "two lines": "@\n@",
    "a comma behind": "@,",
    "a bracket behind": "@}",
    "a list's bracket behind": "@]",
    "a bracket before": "{@",
    "quotes around": "'@'",
    "a zero byte behind": "@\0",
    "a zero byte before": "\0@",
    "a form feed before": "\f@",
    "a vertical tab behind": "@\v",
    "a space without break before": "\u00a0@",
    "a line separator behind": "@\u2028",
    "an end mark behind": "@\x1a",
    "a word behind": "@ end",
    "a number before": "1 @",
    "a length before": "512\r\n@",
    "a record separator before": "\x1e@\n",
    "event stream": "data: @\n\n",
}
OTHER_FORMS = {
    "XML": b"<upload><seq>1</seq></upload>",
    "YAML": b"device_id: w-1\nseq: 1\n",
    "TOML": b'device_id = "w-1"\nseq = 1\n',
    "CSV": b"device_id,seq\nw-1,1\n",
    "a form": b"device_id=w-1&seq=1",
    "HTML of an error": b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
    "Python's own writing": b"{'device_id': 'w-1', 'seq': 1, 'cycle_ended': False}",
    "MessagePack": b"\x82\xa9device_id\xa3w-1\xa3seq\x01",
    "CBOR": b"\xa2idevice_idcw-1cseq\x01",
    "compressed": gzip.compress(b"{}", mtime=0),
    "Base64": b"eyJkZXZpY2VfaWQiOiAidy0xIn0=",
    "zeros": b"\0" * 64,
    "random": Random(5).randbytes(256),
}
NOT_OBJECTS = ["null", "true", "false", "0", "-1.5e3", '""', '"x"', "[]", "[{}]", "[[]]"]


def nestings(depth: int) -> dict[str, str]:
    return {
        "lists": "[" * depth + "]" * depth,
        "objects": '{"a":' * depth + "1" + "}" * depth,
        "both": '[{"a":' * (depth // 2) + "1" + "}]" * (depth // 2),
        "lists that never end": "[" * depth,
        "objects that never end": '{"a":' * depth,
        "spread lists": "[ " * depth + "] " * depth,
        "lists that only end": "]" * depth,
    }


NESTINGS = nestings(3 * DEEPEST)
