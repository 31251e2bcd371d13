# SPDX-License-Identifier: MIT
"""heaptap lib and heaptap env: what they print is given to what reads it, and a program is profiled by it."""
import json
import os
import re
import shutil
import subprocess

from common import Case, HEAPTAP, PROG, main

BUILD = os.path.dirname(HEAPTAP)
OPTIONS = ["--rate=1", "--signal=USR2", "--interval=10m", "--growth=64M", "--peak", "--mmap", "--depth=50", "--unwind=fp",
           "--no-children", "--start=on"]
ODD = "o'd \"d$x`y` %% \\n*;&"  # a directory's name; %% is a percent sign in a pattern


def ours(lines):
    """The variables that run sets, of NAME=VALUE lines."""
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {k: v for k, v in pairs if k in ("LD_PRELOAD", "ASAN_OPTIONS") or k.startswith("HEAPTAP_") and
            k not in ("HEAPTAP_RUN", "HEAPTAP_REGION_DIR")}


class Env(Case):
    def say(self, *args, **more):
        return subprocess.run([HEAPTAP, *args], cwd=more.pop("cwd", self.dir), env=dict(self.env, **more.pop("env", {})),
                              capture_output=True, text=True, timeout=60, **more)

    def printed(self, *args, **more):
        r = self.say(*args, **more)
        self.assertEqual((r.returncode, r.stderr), (0, ""), args)
        return r.stdout

    def unusable(self, *args):
        r = self.say(*args)
        self.assertEqual((r.returncode, r.stdout), (2, ""), args)
        self.assertRegex(r.stderr, r"\Aheaptap: [^\n]+\n\Z")

    def profiled(self, variables):
        """Runs the program with these variables and no others of ours; its last profile is in out/."""
        out = os.path.join(self.dir, "out")
        os.mkdir(out)
        r = subprocess.run([PROG, "exit", "3"], env=dict(self.env, **variables), capture_output=True, text=True, timeout=60)
        self.assertEqual((r.returncode, r.stderr), (3, ""))
        self.assertEqual(len(self.files("out/*.pb.gz")), 1)
        self.assertEqual(self.kept(self.files("out/*.pb.gz")[0]), 10)

    def kept(self, profile):
        """The library alone writes no names."""
        self.printed("symbolize", profile, "-o", self.dir + "/named", env={"PPROF_BINARY_PATH": self.dir + "/root"})
        return self.blocks("named")

    def test_lib(self):
        path = self.printed("lib")
        self.assertEqual(path, BUILD + "/libheaptap.so\n")
        self.profiled({"LD_PRELOAD": path[:-1], "HEAPTAP_RATE": "1", "HEAPTAP_OUTPUT": self.dir + "/out/%p.pb.gz"})
        self.unusable("lib", "more")
        self.unusable("lib", "--nosuch")

    def test_no_library(self):
        away = os.path.join(self.dir, "heaptap")
        shutil.copy(HEAPTAP, away)
        for command in ("lib", "env"):
            r = subprocess.run([away, command], capture_output=True, text=True, env=self.env)
            if r.returncode == 0:
                self.skipTest("the library is installed on this machine: " + r.stdout)
            self.assertEqual(r.returncode, 1)
            self.assertRegex(r.stderr, r"\Aheaptap: libheaptap.so is neither beside this program nor in \S+; build or install it\n\Z")

    def test_shells(self):
        place = os.path.join(self.dir, ODD.replace("%%", "%"))
        os.mkdir(place)
        tried = 0
        for shell, script in (("sh", 'eval "$("$0" env --exact -o "$1")"; "$2" exit 3'),
                              ("bash", 'eval "$("$0" env --exact -o "$1")"; "$2" exit 3'),
                              ("zsh", 'eval "$("$0" env --exact -o "$1")"; "$2" exit 3'),
                              ("fish", "$argv[1] env --exact -o $argv[2] | source; $argv[3] exit 3"),
                              ("fish", "eval ($argv[1] env --exact -o $argv[2]); $argv[3] exit 3")):
            if not shutil.which(shell):
                continue
            tried += 1
            pattern = os.path.join(self.dir, ODD, "%d.%%e.pb.gz" % tried)
            env = dict(self.env, HOME=self.dir, XDG_CONFIG_HOME=self.dir)
            r = subprocess.run([shell, "-c", script, HEAPTAP, pattern, PROG], env=env, capture_output=True, text=True, timeout=60)
            self.assertEqual((r.returncode, r.stderr), (3, ""), shell)
            self.assertEqual(self.kept(os.path.join(place, "%d.run-prog.pb.gz" % tried)), 10, shell)
        self.assertGreaterEqual(tried, 2)

    def test_shell_form_is_what_run_sets(self):
        for options, env in (([], {}), (OPTIONS, {}), (["-o", "x/%p"], {"LD_PRELOAD": "libm.so.6"}),
                             ([], {"ASAN_OPTIONS": "verbosity=0", "HEAPTAP_OUTPUT": "there.%p"})):
            run = ours(self.run_("-q", *options, "--", "/usr/bin/env", env=env).stdout.splitlines())
            self.assertIn("HEAPTAP_OUTPUT", run)
            r = subprocess.run(["sh", "-c", 'eval "$("$0" env "$@")"; exec /usr/bin/env', HEAPTAP, *options], cwd=self.dir,
                               env=dict(self.env, **env), capture_output=True, text=True, timeout=60)
            self.assertEqual(ours(r.stdout.splitlines()), run)

    def test_run_below_it(self):
        r = self.run_("-q", "-o", "b.pb.gz", PROG, "exit", env=self.shell_form("--exact", "-o", "a.%e.%p.pb.gz"))
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(self.blocks("b.pb.gz"), 10)
        self.assertEqual(self.files("a.run-prog*"), [])

    def shell_form(self, *options):
        lines = re.sub(r"(?m)^export (\w+)='(.*)';$", r"\1=\2", self.printed("env", *options)).splitlines()
        self.assertEqual(len(ours(lines)), len(lines))
        return ours(lines)

    def test_systemd(self):
        unit = os.path.join(self.dir, "units", "web.service")
        os.makedirs(unit + ".d")
        with open(unit, "w") as f:
            f.write("[Service]\nExecStart=%s exit 3\n" % PROG)
        pattern = os.path.join(self.dir, "out", ODD, "%e.%p.pb.gz")
        drop_in = self.printed("env", "--systemd", "-o", pattern, *OPTIONS)
        # What some units need stands there as a comment; here all of it is taken.
        offered = re.findall("(?m)^#(?! )(.*)$", drop_in)
        self.assertEqual([line.split("=")[0] for line in offered], ["ReadWritePaths", "Environment"])
        with open(unit + ".d/heaptap.conf", "w") as f:
            f.write(re.sub("(?m)^#(?! )", "", drop_in))
        if not shutil.which("systemd-analyze") or not shutil.which("setpriv"):
            self.skipTest("systemd-analyze or setpriv is not installed")
        env = dict(self.env, SYSTEMD_UNIT_PATH=self.dir + "/units:")
        r = subprocess.run(["systemd-analyze", "verify", "web.service"], env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual((r.returncode, [l for l in r.stderr.splitlines() if "heaptap" in l or "web.service" in l]), (0, []))
        # systemd itself reads the units, as nobody's manager, and says what it read.
        os.chmod(self.dir, 0o755)
        home = os.path.join(self.dir, "home")
        os.mkdir(home)
        drop = []
        if os.getuid() == 0:
            os.chown(home, 65534, 65534)
            drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        r = subprocess.run([*drop, "/lib/systemd/systemd", "--user", "--test", "--unit=web.service"], capture_output=True, text=True,
                           timeout=60, env=dict(env, HOME=home, XDG_RUNTIME_DIR=home, SYSTEMD_LOG_TARGET="console"))
        read = r.stdout.split("-> Unit web.service:")
        if len(read) != 2:
            self.skipTest("systemd --test lists no units here: " + r.stderr[-200:])
        lines = re.findall(r"(?m)^\t\tEnvironment: (.*)$", read[1].split("-> Unit ")[0])
        self.assertEqual(ours(lines)["HEAPTAP_OUTPUT"], pattern)
        run = ours(self.run_("-q", "-o", pattern, *OPTIONS, "--", "/usr/bin/env").stdout.splitlines())
        self.assertEqual(ours(lines), dict(run, HEAPTAP_SECCOMP="trust", LD_PRELOAD=self.shell_form()["LD_PRELOAD"]))
        self.profiled(dict(ours(lines), HEAPTAP_OUTPUT=self.dir + "/out/%p.pb.gz"))

    def docker(self, words):
        """What docker makes of these options: the variables, and what is mounted where."""
        env, mounts = {}, []
        for word in words:
            option, value = word.split("=", 1)
            if option == "--env":
                env.update([value.split("=", 1)])
            else:
                self.assertEqual(option, "--volume")
                mounts.append(value.split(":"))
        return env, mounts

    def in_container(self, env, library, place):
        """The program below a root of its own that has the library where the container would."""
        root = os.path.join(self.dir, "root")
        os.makedirs(os.path.dirname(root + place))
        os.makedirs(root + "/out")
        shutil.copy(PROG, root + "/prog")
        script = ['cd "$0" && ']
        for path in ("/usr", "/lib", "/lib64", "/bin", "/etc", "/dev", "/proc"):
            if os.path.islink(path):
                os.symlink(os.readlink(path), root + path)
            elif os.path.isdir(path):
                os.mkdir(root + path)
                script.append("mount --rbind %s .%s && " % (path, path))
        script.append('touch ".$2" && mount --bind "$1" ".$2" && exec chroot . /usr/bin/env "${@:3}" /prog exit 3')
        ns = ["unshare", "-rm"] if os.getuid() else ["unshare", "-m"]
        if not shutil.which("unshare") or subprocess.run([*ns, "true"], capture_output=True).returncode:
            self.skipTest("no mount namespaces here")
        variables = ["%s=%s" % pair for pair in {**env, "HEAPTAP_REGION_DIR": "/out"}.items()]
        os.chmod(root + "/out", 0o700)
        r = subprocess.run([*ns, "bash", "-c", "".join(script), root, library, place, *variables], env=self.env,
                           capture_output=True, text=True, timeout=60)
        self.assertEqual((r.returncode, r.stderr), (3, ""))
        self.assertEqual(self.files("root/out/*.pb.gz"), ["root/out/prog.pb.gz"])
        self.assertEqual(self.kept("root/out/prog.pb.gz"), 10)

    def test_docker(self):
        odd = "/out/" + ODD + "/%e.pb.gz"
        for pattern, script in (("/out/%e.pb.gz", 'printf "%s\\n" $("$0" env --docker "$@")'),
                                (odd, 'eval "set -- $("$0" env --docker "$@")"; printf "%s\\n" "$@"')):
            r = subprocess.run(["sh", "-c", script, HEAPTAP, *OPTIONS, "-o", pattern], env=self.env, capture_output=True, text=True)
            env, mounts = self.docker(r.stdout.splitlines())
            self.assertEqual(env["HEAPTAP_OUTPUT"], pattern)
            run = ours(self.run_("-q", "-o", pattern, *OPTIONS, "--", "/usr/bin/env").stdout.splitlines())
            self.assertEqual(env, dict(run, LD_PRELOAD="/opt/heaptap/libheaptap.so"))
            self.assertEqual(mounts, [[BUILD + "/libheaptap.so", env["LD_PRELOAD"], "ro"]])
        self.in_container(dict(env, HEAPTAP_OUTPUT="/out/%e.pb.gz"), *mounts[0][:2])

    def test_kubernetes(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("python3-yaml is not installed")
        pattern = "/out/" + ODD + "/$(HOME)/%e.pb.gz"
        text = self.printed("env", "--kubernetes", "--container=web", "-o", pattern, *OPTIONS)
        pod = yaml.safe_load(text)["spec"]["template"]["spec"]
        container, = pod["containers"]
        self.assertEqual(container["name"], "web")
        # The kubelet makes $ of $$ and looks $(NAME) up.
        env = {v["name"]: re.sub(r"\$\$|\$\(\w+\)", lambda m: "$" if m[0] == "$$" else "(looked up)", v["value"])
               for v in container["env"]}
        run = ours(self.run_("-q", "-o", pattern, *OPTIONS, "--", "/usr/bin/env").stdout.splitlines())
        self.assertEqual(env, dict(run, LD_PRELOAD="/opt/heaptap/libheaptap.so"))
        mounts = {m["name"]: m for m in container["volumeMounts"]}
        volumes = {v["name"]: v for v in pod["volumes"]}
        self.assertEqual(mounts.keys(), volumes.keys())
        self.assertEqual(volumes["heaptap-library"]["hostPath"], {"path": BUILD + "/libheaptap.so", "type": "File"})
        self.assertEqual(mounts["heaptap-library"]["mountPath"], env["LD_PRELOAD"])
        self.assertEqual(mounts["heaptap-regions"]["mountPath"], "/dev/shm")
        self.assertEqual(volumes["heaptap-regions"]["emptyDir"], {"medium": "Memory"})
        if shutil.which("kubectl"):
            self.patched_by_kubectl(text, container["env"])
        self.in_container(dict(env, HEAPTAP_OUTPUT="/out/%e.pb.gz"), BUILD + "/libheaptap.so", env["LD_PRELOAD"])

    def patched_by_kubectl(self, patch, env):
        app = {"a": "b"}
        pod = {"containers": [{"name": "side", "image": "s"}, {"name": "web", "image": "i", "env": [{"name": "OWN", "value": "1"}]}]}
        spec = {"selector": {"matchLabels": app}, "template": {"metadata": {"labels": app}, "spec": pod}}
        for kind in ("Deployment", "StatefulSet", "DaemonSet"):
            with open(os.path.join(self.dir, "is.json"), "w") as f:
                json.dump({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}, f)
            r = subprocess.run(["kubectl", "patch", "--local", "-f", "is.json", "--patch-file=/dev/stdin", "-o", "json"], input=patch,
                               env=dict(self.env, HOME=self.dir), cwd=self.dir, capture_output=True, text=True, timeout=60)
            self.assertEqual(r.returncode, 0, r.stderr)
            after = {c["name"]: c for c in json.loads(r.stdout)["spec"]["template"]["spec"]["containers"]}
            self.assertEqual(after["side"], pod["containers"][0])
            self.assertEqual(after["web"]["image"], "i")
            self.assertEqual({v["name"] for v in after["web"]["env"]}, {"OWN"} | {v["name"] for v in env})

    def test_unusable(self):
        for args in (["sleep", "1"], ["--", "sleep"], ["--rate=0"], ["--nosuch"], ["-q"], ["--no-symbolize"], ["--output=dir/"],
                     ["--systemd", "--docker"], ["--systemd", "-o", "here.pb.gz"], ["--docker", "-o", "-"],
                     ["--kubernetes"], ["--container=web"], ["--docker", "--container=web"], ["--systemd", "-o", "/tmp/%q"],
                     ["--docker", "-o", "/tmp/"]):
            self.unusable("env", *args)
        r = subprocess.run([HEAPTAP, "env", "--kubernetes", b"--container=\xff"], capture_output=True, env=self.env)
        self.assertEqual((r.returncode, r.stdout, r.stderr.count(b"\n")), (2, b"", 1))
        with open("/dev/full", "w") as full:
            r = subprocess.run([HEAPTAP, "env"], stdout=full, stderr=subprocess.PIPE, text=True, env=self.env)
        self.assertEqual((r.returncode, r.stderr), (1, "heaptap: cannot write standard output: No space left on device\n"))


if __name__ == "__main__":
    main()
