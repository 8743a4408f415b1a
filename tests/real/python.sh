# What scripts do: threads, children, pipes, temporary files, sockets of their
# own, a virtual environment.
# shellcheck source=tests/real/both
. "$(dirname "$0")/both"
need python3

both '
cat >work.py <<END
import json, multiprocessing, os, pathlib, shutil, socket, sqlite3
import subprocess, sys, tempfile, threading

def square(n):
    return n * n

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(square, range(5)))
    with tempfile.TemporaryDirectory() as d:
        p = pathlib.Path(d, "x"); p.write_text("hello"); p.rename(p.with_suffix(".y"))
        print(sorted(os.listdir(d)), oct(p.with_suffix(".y").stat().st_mode))
        shutil.copytree(d, "copied")
    print(subprocess.run(["sh", "-c", "tr a-z A-Z"], input="pipe", text=True, capture_output=True).stdout)
    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: server.accept()[0].sendall(b"mine"))
    thread.start()
    with socket.create_connection(server.getsockname()) as c:
        print(c.recv(10))
    thread.join()
    base = sqlite3.connect("base.db")
    base.execute("create table t (a)"); base.execute("insert into t values (1)"); base.commit()
    print(base.execute("select * from t").fetchall()); base.close(); os.unlink("base.db")
    try:
        open("absent")
    except OSError as error:
        print(error)
    print(json.dumps(os.path.realpath("copied") == os.getcwd() + "/copied"), os.environ["HOME"] == os.path.expanduser("~"))
END
python3 -B work.py
if python3 -c "import ensurepip" 2>/dev/null; then
	# A virtual environment, and a package installed in it from the disk.
	python3 -m venv env && mkdir -p pkg/thing && echo "ANSWER = 42" >pkg/thing/__init__.py
	printf "[project]\nname = \"thing\"\nversion = \"1\"\n[build-system]\nrequires = []\nbuild-backend = \"build\"\nbackend-path = [\".\"]\n" >pkg/pyproject.toml
	cat >pkg/build.py <<END
import os, zipfile
def build_wheel(directory, settings=None, metadata=None):
    name = "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("thing/__init__.py", open("thing/__init__.py").read())
        wheel.writestr("thing-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
        wheel.writestr("thing-1.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("thing-1.dist-info/RECORD", "")
    return name
END
	env/bin/pip --no-cache-dir -q --disable-pip-version-check install --no-index ./pkg && env/bin/python -c "import thing; print(thing.ANSWER)"
	env/bin/pip --disable-pip-version-check list --format=freeze | grep thing
	rm -rf env pkg "$HOME/.cache"
fi
'
