"""Makes vectors.json: messages as WeChat sends them in encrypted mode, encrypted and signed by
wechatpy, an independent implementation. Nothing of it is used but the file.

    python3 -m venv /tmp/vectors
    /tmp/vectors/bin/pip install wechatpy==1.8.18 cryptography
    /tmp/vectors/bin/python vectors.py > vectors.json
"""

import json
import random

import xmltodict
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import WeChatSigner

APP_ID = "wx0123456789abcdef"
TOKEN = "Token123"
KEYS = [
    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR",
    "////////////////////////////////////////////"[:43],
]
EVENT = (
    "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>"
    "<FromUserName><![CDATA[{openid}]]></FromUserName>"
    "<CreateTime>{time}</CreateTime>"
    "<MsgType><![CDATA[event]]></MsgType>"
    "<Event><![CDATA[{event}]]></Event>"
    "<EventKey><![CDATA[{key}]]></EventKey></xml>"
)

random.seed(1)


def signature(*parts):
    signer = WeChatSigner()
    signer.add_data(*parts)
    return signer.signature


def message(key, number, plain):
    timestamp, nonce = str(1777856523 + number), str(random.randrange(10**9))
    told = WeChatCrypto(TOKEN, key, APP_ID).encrypt_message(plain, nonce, timestamp)
    told = xmltodict.parse(told)["xml"]
    body = (
        "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>"
        "<Encrypt><![CDATA[{}]]></Encrypt></xml>".format(told["Encrypt"])
    )
    return {
        "encoding_aes_key": key,
        "timestamp": timestamp,
        "nonce": nonce,
        "signature": signature(TOKEN, timestamp, nonce),
        "msg_signature": told["MsgSignature"],
        "plain": plain,
        "body": body,
    }


def event(openid, number, kind, key=""):
    time = 1777856523 + number
    return EVENT.format(openid=openid, time=time, event=kind, key=key)


messages = [
    message(KEYS[0], 0, event("oFan-1", 0, "subscribe", "qrscene_海报")),
    message(KEYS[0], 1, event("oFan-1", 1, "SCAN", "shelf")),
    message(KEYS[0], 2, event("oFan-1", 2, "unsubscribe")),
]
# Every length of padding.
for number in range(33):
    messages.append(message(KEYS[number % 3], 3 + number, "<xml>" + "页" * number + "x" * (number % 5) + "</xml>"))

print(json.dumps({"app_id": APP_ID, "token": TOKEN, "messages": messages}, ensure_ascii=False, indent=1))
