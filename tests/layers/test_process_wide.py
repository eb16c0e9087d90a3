"""The library leaves alone what belongs to the whole process of its host: nothing in it calls what would change it."""
import glob
import os
import re
import shutil
import subprocess
import sys

# Static memory of the C library is the process's too. uselocale and pthread_sigmask change a thread for a moment; curl_global_init is what libcurl asks for.
FORBIDDEN = """umask chdir fchdir setenv putenv unsetenv clearenv signal sigaction bsd_signal sigset sigprocmask setlocale srand srandom rand random srand48 drand48
atexit on_exit __cxa_atexit at_quick_exit setrlimit setrlimit64 prlimit64 alarm setitimer timer_create fork vfork daemon exit _exit quick_exit abort system popen
setpgid setsid setuid seteuid setgid setegid prctl nice setpriority tzset strtok localtime gmtime asctime ctime tmpnam mktemp gethostbyname getservbyname getpwuid getpwnam
getopt curl_global_cleanup EVP_cleanup ERR_free_strings OPENSSL_cleanup OPENSSL_atexit sqlite3_config sqlite3_shutdown sqlite3_temp_directory json_set_alloc_funcs
json_object_seed mlockall closefrom dup2""".split()


def main():
    if not shutil.which("nm"):
        print("SKIPPED: no nm")
        return 77
    archives = [path for path in glob.glob(os.path.join(os.environ["DOWEL_BUILD"], "**", "libdowel_*.a"), recursive=True)
                if os.path.basename(path) != "libdowel_cli.a"]
    assert any("libdowel_core" in path for path in archives) and len(archives) > 5, archives
    found = []
    for path in archives:
        said = subprocess.run(["nm", "-A", "-u", path], capture_output=True, text=True, check=True).stdout
        for line in said.splitlines():
            name = line.split()[-1].split("@")[0]
            if name in FORBIDDEN:
                found.append(re.sub(r"^.*/", "", line.split(" ")[0]) + " " + name)
    assert not found, "\n".join(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
