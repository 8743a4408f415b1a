"""What a developer's session does, for run.py: each work is a command in a
directory, which does the same every time."""

import shutil
import subprocess


class Work:
    """One thing to do. `prepare` runs before each round, untimed and bare."""

    def __init__(self, name, command, directory, prepare=None, status=0):
        self.name, self.command, self.directory = name, command, directory
        self.prepare, self.status = prepare, status


def shell(line):
    return ["sh", "-c", line]


def make_tree(root, count):
    """A git repository of that many small files, forty a directory, packed as one that
    was cloned."""
    root.mkdir()
    for number in range(count):
        directory = root / ("d%03d" % (number // 40))
        directory.mkdir(exist_ok=True)
        (directory / ("f%d.txt" % number)).write_text("line %d\n" % number * 20)
    # Else git packs what was committed while the first rounds read it.
    git = ["git", "-C", str(root), "-c", "user.name=b", "-c", "user.email=b@example.com",
           "-c", "maintenance.auto=false", "-c", "gc.auto=0"]
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(git + ["add", "-A"], check=True)
    subprocess.run(git + ["commit", "-qm", "all"], check=True)
    subprocess.run(git + ["repack", "-adq"], check=True)
    subprocess.run(git + ["prune-packed", "-q"], check=True)


def make_program(root, count):
    """A C program of that many files, each of which includes the usual, for make
    and for cmake."""
    root.mkdir()
    names = ["f%d" % number for number in range(count)]
    for name in names:
        (root / (name + ".c")).write_text(
            "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
            "#include <unistd.h>\nint %s(int n) { return printf(\"%%d\", n); }\n" % name)
    (root / "main.c").write_text("int main(void) { return 0; }\n")
    objects = " ".join(name + ".o" for name in names)
    (root / "Makefile").write_text(
        "all: main.o %s\n\t$(CC) -o all $^\nclean:\n\trm -rf *.o all cmake\n" % objects)
    (root / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.10)\nproject(all C)\n"
        "include(CheckIncludeFile)\ncheck_include_file(unistd.h HAVE_UNISTD_H)\n"
        "add_executable(program main.c)\n")


def make_packages(root, count):
    """A project of node with that many dependencies, which are directories."""
    root.mkdir()
    for number in range(count):
        package = root / "packages" / ("p%d" % number)
        (package / "lib").mkdir(parents=True)
        (package / "package.json").write_text(
            '{"name": "p%d", "version": "1.0.0", "main": "lib/a.js"}\n' % number)
        for name in "abcdefgh":
            (package / "lib" / (name + ".js")).write_text("exports.%s = 1;\n" % name * 20)
    project = root / "project"
    project.mkdir()
    (project / "package.json").write_text(
        '{"name": "all", "version": "1.0.0", "dependencies": {%s}}\n' % ", ".join(
            '"p%d": "file:../packages/p%d"' % (number, number) for number in range(count)))
    (project / ".npmrc").write_text("install-links=true\naudit=false\nfund=false\n")
    return project


def make_crate(root):
    (root / "src").mkdir(parents=True)
    (root / "Cargo.toml").write_text(
        '[package]\nname = "all"\nversion = "0.1.0"\nedition = "2021"\n')
    (root / "src" / "main.rs").write_text(
        "mod a;\nmod b;\nfn main() { println!(\"{} {}\", a::f(2), b::f(3)); }\n")
    for name in "ab":
        (root / "src" / (name + ".rs")).write_text(
            "use std::collections::HashMap;\npub fn f(n: u32) -> usize {\n"
            "    (0..n).map(|i| (i, i)).collect::<HashMap<_, _>>().len()\n}\n")


def make_module(root):
    root.mkdir()
    (root / "go.mod").write_text("module example.com/all\n\ngo 1.18\n")
    (root / "main.go").write_text(
        "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"strings\"\n)\n\n"
        "func main() { fmt.Println(strings.ToUpper(os.Args[0])) }\n")


SQLITE = """import os, sqlite3
base = sqlite3.connect("commits.db")
base.execute("create table t (n integer)")
for number in range(%d):
    base.execute("insert into t values (?)", (number,))
    base.commit()
base.close()
os.unlink("commits.db")
"""


def works(scratch, calls, full):
    """Those whose programs are there."""
    tree, program = scratch / "tree", scratch / "program"
    make_tree(tree, 20000 if full else 4000)
    make_program(program, 60 if full else 20)
    nothing = "nothing like it"
    found = [
        Work("start-up", ["true"], tree),
        Work("exec", shell("i=0; while [ $i -lt %d ]; do /bin/true; i=$((i + 1)); done" %
                           (500 if full else 100)), tree),
        Work("git status", ["git", "status", "--short"], tree),
        Work("git grep", ["git", "grep", "-q", nothing], tree, status=1),
        Work("find", ["find", ".", "-newer", "d000"], tree),
        Work("grep -r", ["grep", "-rq", nothing, "."], tree, status=1),
        Work("tar", shell("tar -cf - . | cat >/dev/null"), tree),
        Work("make -j2", ["make", "-s", "-j2", "all"], program, ["make", "-s", "clean"]),
    ]
    if shutil.which("rg"):
        found.append(Work("rg", ["rg", "-q", nothing], tree, status=1))
    if shutil.which("node"):
        found.append(Work("node start", shell("for i in 1 2 3 4 5 6 7 8 9 10; do node -e ''; done"),
                          tree))
    found.append(Work("python start", shell(
        "for i in 1 2 3 4 5 6 7 8 9 10; do /usr/bin/python3 -c 'import json, re'; done"), tree))
    if full:
        found += slow_works(scratch, program)
    for call in ("open", "stat", "getpid"):
        found.append(Work(call, [calls, call, "100000" if full else "20000"], tree))
    return found


def slow_works(scratch, program):
    found = [
        Work("fork storm", shell("for i in 1 2 3 4 5 6 7 8; do (i=0; while [ $i -lt 100 ]; do "
                                 "(:); i=$((i + 1)); done) & done; wait"), program),
        Work("sqlite", ["/usr/bin/python3", "-c", SQLITE % 300], program),
    ]
    if shutil.which("cmake"):
        found.append(Work("cmake", ["cmake", "-S", ".", "-B", "cmake"], program,
                          ["make", "-s", "clean"]))
    if shutil.which("npm"):
        project = make_packages(scratch / "node", 60)
        found.append(Work("npm install", shell("npm install --offline --no-package-lock"), project,
                          ["rm", "-rf", "node_modules"]))
    if shutil.which("cargo"):
        make_crate(scratch / "crate")
        found.append(Work("cargo build", ["cargo", "build", "-q", "--offline"], scratch / "crate",
                          ["rm", "-rf", "target"]))
    if shutil.which("go"):
        make_module(scratch / "module")
        found.append(Work("go build", ["go", "build", "-o", "all", "."], scratch / "module",
                          ["rm", "-rf", "all", ".cache"]))
    return found
