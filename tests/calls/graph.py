# SPDX-License-Identifier: MIT
"""The call graph of a compiled library, from its disassembly: direct calls and jumps, calls through pointers (the variable they
were loaded from), names that are imported, system calls by number, and the stack each function takes."""
import bisect, re, subprocess

REGISTERS = {}
for i, names in enumerate(["rax eax ax al", "rbx ebx bx bl", "rcx ecx cx cl", "rdx edx dx dl", "rsi esi si sil", "rdi edi di dil",
                           "rbp ebp bp bpl", "rsp esp sp spl"] + [f"r{n} r{n}d r{n}w r{n}b" for n in range(8, 16)]):
    for n in names.split():
        REGISTERS[n] = names.split()[0]
VOLATILE = {"rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"}
PARAMETERS = {"rdi", "rsi", "rdx", "rcx", "r8", "r9"}
PREFIXES = ("notrack ", "bnd ", "lock ", "rep ", "repz ", "repnz ", "data16 ", "cs ", "ds ")
LOOK_UPS = {("result", n) for n in ("dlsym", "ht_next_symbol", "ht_symbol_of")}  # what they found is called: "*name"
DYNAMIC = None  # a stack that no constant bounds


class Instruction:
    __slots__ = ("at", "name", "args", "target", "memory", "next", "before")

    def __init__(self, at, name, args, memory):
        self.at, self.name, self.args, self.memory = at, name, args, memory
        self.target, self.next, self.before = None, [], []


class Function:
    def __init__(self, name, start, end):
        self.name, self.start, self.end = name, start, end
        self.code, self.index = [], {}
        self.calls = {}          # callee: greatest depth at the call
        self.system_calls = set()
        self.unknown = []        # calls through what could not be told
        self.stack = 8


def split_arguments(text):
    out, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
        elif c == "," and not depth:
            out.append(text[start:i])
            start = i + 1
    return out + [text[start:]] if text else []


def register(text):
    return REGISTERS.get(text[1:]) if text.startswith("%") else None


class Graph:
    def __init__(self, path):
        self.path, self.functions, self.imports, self.data, self.alias = path, {}, {}, [], {}
        self.read_symbols()
        self.read_code()
        for f in self.functions.values():
            self.link(f)
        for f in self.functions.values():
            self.follow(f)

    def tool(self, *words):
        return subprocess.run(words + (self.path,), capture_output=True, text=True, check=True).stdout

    def read_symbols(self):
        source, functions = "", {}
        for l in self.tool("readelf", "-sW").split("Symbol table '.symtab'")[1].splitlines():
            m = re.match(r" *\d+: ([0-9a-f]+) +(\d+|0x[0-9a-f]+) (\S+) +(\S+) +\S+ +(\S+) ?(\S*)", l)
            if not m:
                continue
            at, size, kind, binding, section, name = int(m[1], 16), int(m[2], 0), m[3], m[4], m[5], m[6].split("@")[0]
            if kind == "FILE":
                source = name
            elif section in ("UND", "ABS") or not name:
                continue
            elif kind in ("FUNC", "IFUNC") or (kind == "NOTYPE" and size):
                whole = f"{source}:{name}" if source and binding == "LOCAL" else name
                # Of two names for one place the exported one.
                if size and (at not in functions or binding != "LOCAL"):
                    functions.setdefault(at, (size, whole))
                    self.alias[whole] = at
            elif kind in ("OBJECT", "TLS"):
                self.data.append((at, at + max(size, 1), f"{source}:{name}" if source and binding == "LOCAL" else name))
        self.data.sort()
        for at, (size, name) in functions.items():
            self.functions[name] = Function(name, at, at + size)
        self.starts = sorted((f.start, f.name) for f in self.functions.values())
        for l in self.tool("readelf", "-rW").splitlines():
            m = re.match(r"([0-9a-f]+) +\S+ (R_X86_64_\S+) +(\S*) *(\S*)", l)
            if m and m[2] in ("R_X86_64_GLOB_DAT", "R_X86_64_JUMP_SLOT", "R_X86_64_64"):
                self.imports[int(m[1], 16)] = m[4].split("@")[0]

    def named(self, name):
        """The function a name means: its own, or the one it is an alias of."""
        if name in self.functions:
            return self.functions[name]
        return self.function_at(self.alias[name]) if name in self.alias else None

    def function_at(self, at):
        i = bisect.bisect_right(self.starts, (at, "\xff")) - 1
        f = self.functions[self.starts[i][1]] if i >= 0 else None
        return f if f and at < f.end else None

    def data_at(self, at):
        i = bisect.bisect_right(self.data, (at, 1 << 63, "")) - 1
        while i >= 0 and self.data[i][0] > at - (1 << 20):
            if self.data[i][0] <= at < self.data[i][1]:
                return self.data[i][2]
            i -= 1
        return None

    def read_code(self):
        self.plt = {}
        section = function = None
        for l in self.tool("objdump", "-dw", "--no-show-raw-insn").splitlines():
            m = re.match(r" *([0-9a-f]+):\t(.*)", l)
            if not m:
                if l.startswith("Disassembly of section"):
                    section = l.split()[-1].rstrip(":")
                m = re.match(r"([0-9a-f]+) <(\S+)@plt>:", l)
                if m:
                    self.plt[int(m[1], 16)] = m[2].split("@")[0]
                continue
            at, text = int(m[1], 16), m[2]
            memory = None
            if "#" in text:
                text, comment = text.split("#", 1)
                memory = int(comment.split()[0], 16)
            text = text.strip()
            again = True
            while again:
                again = False
                for p in PREFIXES:
                    if text.startswith(p):
                        text, again = text[len(p):].strip(), True
            name, _, rest = text.partition(" ")
            m = re.match(r"([0-9a-f]+) <", rest.strip())
            i = Instruction(at, name, split_arguments(rest.strip()) if not m else [], memory)
            if m:
                i.target = int(m[1], 16)
            if section in (".plt", ".plt.got", ".plt.sec"):
                if name == "jmp" and memory in self.imports:
                    for start in (at, at - 4):  # endbr64 before it
                        self.plt.setdefault(start, self.imports[memory])
                continue
            if not function or not function.start <= at < function.end:
                function = self.function_at(at)
            if function:
                function.index[at] = len(function.code)
                function.code.append(i)

    def link(self, f):
        """Which instruction may come after which."""
        for n, i in enumerate(f.code):
            if i.name == "jmp" or i.name.startswith(("ret", "ud2", "hlt")):
                after = []
            else:
                after = [n + 1] if n + 1 < len(f.code) else []
            if i.name.startswith("j") and i.target is not None and i.target in f.index:
                after.append(f.index[i.target])
            if i.name == "jmp" and i.args and i.args[0].startswith("*%"):
                after = [k for k in range(n + 1, len(f.code)) if f.code[k - 1].name in ("jmp", "ret", "ud2")]
            i.next = after
        for n, i in enumerate(f.code):
            for k in i.next:
                f.code[k].before.append(n)

    def origins(self, f, n, reg, seen=None, level=0):
        """Where a register's value at instruction n may come from: ("constant", n), ("at", address), ("in", address),
        ("field", …), ("parameter", …), ("table",), ("result", …), ("unknown", …)."""
        seen = set() if seen is None else seen
        out = set()
        if n == 0:
            return {("parameter", reg)}
        if level > 4:
            return {("unknown", f.code[n].at)}
        for b in f.code[n].before:
            if (b, reg) in seen:
                continue
            seen.add((b, reg))
            i = f.code[b]
            to = register(i.args[-1]) if i.args else None
            if i.name.startswith("call"):
                if reg in VOLATILE:
                    g = self.function_at(i.target) if i.target is not None and i.target not in self.plt else None
                    out.add(("result", self.plt.get(i.target) or (g and g.name)) if reg == "rax" else ("unknown", i.at))
                    continue
            elif i.name == "syscall" and reg in ("rax", "rcx", "r11"):
                out.add(("result", ""))
                continue
            elif i.name.startswith(("cmp", "test", "push", "j", "nop", "prefetch")) or \
                    (to != reg and not (i.name.startswith("x") and register(i.args[0]) == reg)):
                pass  # (xchg and xadd write both)
            elif i.name.startswith("cmov"):
                out |= self.value(f, b, i.args[0], i, seen, level)
                out |= self.origins(f, b, reg, seen, level)
                continue
            elif i.name.startswith(("mov", "lea")) and len(i.args) == 2:
                out |= self.value(f, b, i.args[0], i, seen, level, i.name.startswith("lea"))
                continue
            elif i.name.startswith("xor") and i.args[0] == i.args[1]:
                out.add(("constant", 0))
                continue
            elif i.name.startswith("add") and register(i.args[0]):
                # A switch adds an entry of its table, four bytes with a sign; a pointer and an offset may be anybody's function.
                switch = any(k.name.startswith("movs") and k.args[0].endswith(",4)") for k in f.code[max(0, b - 8):b] if k.args)
                out.add(("table",) if switch else ("unknown", i.at))
                continue
            else:
                out.add(("unknown", i.at))
                continue
            out |= self.origins(f, b, reg, seen, level)
        return out  # empty behind padding, which nothing leads to

    def value(self, f, n, text, i, seen, level=0, address=False):
        if text.startswith("$"):
            return {("constant", int(text[1:], 16))}
        if register(text):
            return self.origins(f, n, register(text), seen, level)
        if i.memory is not None:
            return {("at" if address else "in", i.memory)}
        m = re.fullmatch(r"(-?0x[0-9a-f]+)?\((%\w+)\)", text)
        if m and not address:
            offset = int(m[1], 16) if m[1] else 0
            out = set()
            for o in self.origins(f, n, register(m[2]), set(), level + 1):
                out.add(("in", o[1] + offset) if o[0] == "at" else ("field", offset))
            return out
        return {("field", text)}

    def callees(self, f, n):
        """Names of what an instruction calls; a pointer's as "*variable". None: cannot be told."""
        i = f.code[n]
        if i.target is not None:
            if i.target in self.plt:  # one of our own names may be another's there: "@name"
                name = self.plt[i.target]
                return {"@" + name if name in self.alias else name}
            g = self.function_at(i.target)
            return {g.name} if g else None
        text = i.args[0][1:]
        found = {("in", i.memory)} if i.memory is not None else self.value(f, n, text, i, set())
        out = set()
        for o in found:
            if o[0] == "in" and o[1] in self.imports and self.imports[o[1]]:
                name = self.imports[o[1]]
                out.add("@" + name if name in self.alias else name)
            elif o[0] == "in" and self.data_at(o[1]):
                out.add("*" + self.data_at(o[1]))
            elif o[0] == "at" and self.function_at(o[1]):
                out.add(self.function_at(o[1]).name)
            elif o in LOOK_UPS:
                out.add("*" + o[1])
            elif o[0] == "constant" and o[1] == 0:
                pass
            else:
                return None
        return out or None

    def follow(self, f):
        """Depth of the stack at each instruction, and from there what the function calls, and how deep."""
        if not f.code:
            return
        depth = {0: (8, None)}
        work = [0]
        while work:
            n = work.pop()
            at, frame = depth[n]
            i = f.code[n]
            to = register(i.args[-1]) if i.args else None
            if i.name.startswith("push"):
                at += 8
            elif i.name.startswith("pop"):
                at -= 8
            elif i.name.startswith(("sub", "add")) and to == "rsp":
                m = re.fullmatch(r"\$(0x[0-9a-f]+)", i.args[0])
                if m:
                    v = int(m[1], 16)
                    v -= 1 << 64 if v >> 63 else 0
                    at += v if i.name.startswith("sub") else -v
                else:
                    f.stack = DYNAMIC
            elif i.name.startswith("and") and to == "rsp":
                v = int(i.args[0][1:], 16)
                at += (1 << 64) - v if v >> 63 else (1 << 32) - v
            elif i.name == "lea" and to == "rsp":
                m = re.fullmatch(r"(-?0x[0-9a-f]+)?\((%\w+)\)", i.args[0])
                base = {"rsp": at, "rbp": frame}.get(register(m[2])) if m else None
                if base is None:
                    f.stack = DYNAMIC
                else:
                    at = base - (int(m[1], 16) if m[1] else 0)
            elif i.name == "mov" and to == "rbp" and register(i.args[0]) == "rsp":
                frame = at
            elif i.name == "mov" and to == "rsp":
                if register(i.args[0]) == "rbp" and frame:
                    at = frame
            elif i.name == "leave":
                at = (frame or at) - 8
            if f.stack is not DYNAMIC:
                f.stack = max(f.stack, at)
            for k in i.next:
                old = depth.get(k)
                if old is None or old[0] < at:
                    if old is None or at - old[0] < 4096:
                        depth[k] = (at, frame)
                        work.append(k)
        for n, i in enumerate(f.code):
            at = depth.get(n, (f.stack or 8, None))[0]
            if i.name == "syscall":
                for o in self.origins(f, n, "rax"):
                    f.system_calls.add(o[1] if o[0] == "constant" else -1)
            call = i.name.startswith("call")
            leaves = i.name.startswith("j") and i.target is not None and not f.start <= i.target < f.end
            through = i.name == "jmp" and i.target is None and i.args
            if not (call or leaves or through):
                continue
            if through and i.args[0].startswith("*%"):
                found = self.origins(f, n, register(i.args[0][1:]))
                if any(o[0] == "table" for o in found):
                    continue  # a switch
            elif through and "," in i.args[0]:
                continue      # a switch
            names = self.callees(f, n)
            if names is None:
                f.unknown.append((i.at, at if call else at - 8))
                continue
            for name in names:
                d = at if call else at - 8
                f.calls[name] = max(f.calls.get(name, 0), d)
