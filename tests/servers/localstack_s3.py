"""LocalStack's S3 and KMS on a port of this machine alone, with all that it keeps in one folder: localstack_s3.py PORT FOLDER

It checks signatures, keys of SSE-C, keys of KMS, conditions, checksums and forms as Amazon does. It asks nobody outside.
"""
import functools
import os
import socket
import sys

port, folder = int(sys.argv[1]), sys.argv[2]
os.environ.update(
    HOME=folder, TMPDIR=folder, FILESYSTEM_ROOT=folder, SERVICES="s3,kms", GATEWAY_LISTEN=f"127.0.0.1:{port}",
    LOCALSTACK_HOST=f"127.0.0.1:{port}", S3_SKIP_SIGNATURE_VALIDATION="0", S3_SKIP_KMS_KEY_VALIDATION="0",
    ALLOW_NONSTANDARD_REGIONS="1", DISABLE_EVENTS="1", SKIP_SSL_CERT_DOWNLOAD="1", DNS_ADDRESS="0", LS_LOG="warn")

import localstack.services.s3.provider as provider  # noqa: E402
from localstack.runtime.main import main  # noqa: E402
from twisted.internet import endpoints  # noqa: E402

def no_names(name):
    raise socket.gaierror(f"{name} is not looked up")


socket.gethostbyname = no_names
# Neither can be told by variables: it would listen on every address, and keep objects in a folder of a fixed name.
endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
provider.DEFAULT_S3_TMP_DIR = os.path.join(folder, "objects")
main()
