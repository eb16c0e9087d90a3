"""One transfer by obstore: peer_obstore.py s3|gs URL OPERATION BUCKET NAME [PATH]; as little Python around it as it allows."""
import concurrent.futures
import os
import sys

import obstore
from obstore.store import GCSStore, S3Store

kind, url, operation, bucket, name = sys.argv[1:6]
path = sys.argv[6] if len(sys.argv) > 6 else None
if kind == "s3":
    store = S3Store(bucket, endpoint=url, region="us-east-1", access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
                    secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"], virtual_hosted_style_request=False,
                    client_options={"allow_http": True})
else:
    key = os.environ["BENCH_GCS_KEY"]
    store = GCSStore(bucket, service_account_path=key, client_options={"allow_http": True})


def fetch(key, target):
    with open(target, "wb") as file:
        for piece in obstore.get(store, key).stream(min_chunk_size=1 << 20):
            file.write(piece)


if operation == "up":
    with open(path, "rb") as file:
        obstore.put(store, name, file)
elif operation == "down":
    fetch(name, path)
elif operation == "up-many":
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda f: obstore.put(store, f"{name}/{f}", open(os.path.join(path, f), "rb").read()), os.listdir(path)))
elif operation == "down-many":
    os.makedirs(path, exist_ok=True)
    keys = [meta["path"] for page in obstore.list(store, prefix=name) for meta in page]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda k: fetch(k, os.path.join(path, os.path.basename(k))), keys))
elif operation == "list":
    print(sum(len(page) for page in obstore.list(store, prefix=name)))
