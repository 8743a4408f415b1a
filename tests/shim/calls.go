// File calls of a program in Go: each mode prints the same, bare and in a
// session.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

var directory string

func at(names ...string) string {
	return filepath.Join(append([]string{directory}, names...)...)
}

func name(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return fmt.Sprint(err)
}

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// together runs `work` in many goroutines.
func together(count int, work func(int)) {
	var wait sync.WaitGroup
	for i := 0; i < count; i++ {
		wait.Add(1)
		go func(i int) { defer wait.Done(); work(i) }(i)
	}
	wait.Wait()
}

func calls() {
	var status syscall.Stat_t
	_, err := os.Stat(at("there"))
	fmt.Println("stat", name(err))
	_, err = os.Stat(at("none"))
	fmt.Println("stat", name(err))
	fmt.Println("lstat", name(syscall.Lstat(at("dangling"), &status)), status.Mode&syscall.S_IFMT)
	_, err = os.Stat(at("loop"))
	fmt.Println("loop", name(err))
	_, err = os.Stat(at("there", "x"))
	fmt.Println("under a file", name(err))
	_, err = os.Stat(at(strings.Repeat("x", 300)))
	fmt.Println("long", name(err))
	link, err := os.Readlink(at("link"))
	fmt.Println("readlink", link, name(err))
	_, err = os.Readlink(at("there"))
	fmt.Println("readlink", name(err))
	text, err := os.ReadFile(at("there"))
	fmt.Printf("read %q %s\n", text, name(err))
	fmt.Println("mkdir", name(os.Mkdir(at("new"), 0o700)), name(os.Mkdir(at("new"), 0o700)))
	must(os.WriteFile(at("new", "a"), []byte("a"), 0o600))
	fmt.Println("rename", name(os.Rename(at("new", "a"), at("new", "b"))))
	fmt.Println("link", name(os.Link(at("new", "b"), at("new", "c"))))
	fmt.Println("symlink", name(os.Symlink("c", at("new", "d"))))
	fmt.Println("rmdir", name(syscall.Rmdir(at("new"))))
	fmt.Println("remove", name(os.RemoveAll(at("new"))))
	fmt.Println("access", name(syscall.Access(at("there"), 4)), name(syscall.Access(at("there"), 1)))
	before, _ := os.Getwd()
	must(os.Chdir(at("directory")))
	now, err := syscall.Getwd()
	fmt.Println("getcwd", strings.TrimPrefix(now, before), name(err))
	must(os.Chdir(before))
}

// What comes back, as the kernel and the function leave it.
func raw() {
	path, _ := syscall.BytePtrFromString(at("none"))
	for _, bad := range []uintptr{0, 1, 1 << 46, 1 << 63} {
		r1, r2, number := syscall.RawSyscall6(syscall.SYS_OPENAT, ^uintptr(99), bad, 0, 7, 8, 9)
		fmt.Println(r1, r2, int(number))
		r1, r2, number = syscall.Syscall6(syscall.SYS_NEWFSTATAT, ^uintptr(99), bad, bad, 0, 8, 9)
		fmt.Println(r1, r2, int(number))
	}
	var status syscall.Stat_t
	r1, r2, number := syscall.RawSyscall(syscall.SYS_STAT, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&status)), 5)
	fmt.Println(r1, r2, int(number))
	r1, r2, number = syscall.RawSyscall(syscall.SYS_GETPPID, 1, 2, 3)
	fmt.Println(int(r1) == os.Getppid(), r2, int(number))
	for _, none := range []uintptr{440, 511, 4000, 1 << 32, 1<<32 + syscall.SYS_OPENAT, ^uintptr(0)} {
		r1, r2, number = syscall.RawSyscall(none, 1, 2, 3)
		fmt.Println(r1, r2, int(number) == int(syscall.ENOSYS))
	}
}

func walk() {
	together(64, func(i int) {
		base := at(fmt.Sprintf("w%d", i))
		for d := 0; d < 4; d++ {
			must(os.MkdirAll(filepath.Join(base, fmt.Sprint(d)), 0o700))
			for f := 0; f < 6; f++ {
				must(os.WriteFile(filepath.Join(base, fmt.Sprint(d), fmt.Sprint(f)), []byte{byte(i), byte(d), byte(f)}, 0o600))
			}
		}
	})
	var lock sync.Mutex
	var lines []string
	together(64, func(i int) {
		base := at(fmt.Sprintf("w%d", i))
		sum := 0
		for round := 0; round < 5; round++ {
			must(filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
				must(err)
				if entry.Type().IsRegular() {
					text, err := os.ReadFile(path)
					must(err)
					sum += int(text[0])*3 + int(text[1])*5 + int(text[2])*7
				}
				_, err = os.Lstat(path)
				return err
			}))
		}
		must(os.RemoveAll(base))
		lock.Lock()
		lines = append(lines, fmt.Sprintf("%02d %d", i, sum))
		lock.Unlock()
	})
	sort.Strings(lines)
	fmt.Println(strings.Join(lines, "\n"))
}

func programs() {
	var lock sync.Mutex
	good := 0
	together(24, func(i int) {
		for round := 0; round < 4; round++ {
			word := fmt.Sprintf("%d-%d", i, round)
			out, err := exec.Command("sh", "-c", "cat "+at("there")+"; echo "+word).Output()
			must(err)
			_, err = exec.Command(at("none")).Output()
			if string(out) == "hello\n"+word+"\n" && errors.Is(err, fs.ErrNotExist) {
				lock.Lock()
				good++
				lock.Unlock()
			}
		}
	})
	fmt.Println("programs", good)
	before := at("there")
	cmd := exec.Command("/bin/pwd")
	cmd.Dir = at("directory")
	out, err := cmd.Output()
	fmt.Println(strings.HasSuffix(strings.TrimSpace(string(out)), "directory"), err, before != "")
}

// hammer makes file calls for a while, in as many goroutines.
func hammer(count int, long time.Duration) {
	end := time.Now().Add(long)
	together(count, func(i int) {
		for time.Now().Before(end) {
			for n := 0; n < 50; n++ {
				text, err := os.ReadFile(at("there"))
				must(err)
				if string(text) != "hello\n" {
					must(errors.New("what was read"))
				}
				_, err = os.Lstat(at("none"))
				if !errors.Is(err, fs.ErrNotExist) {
					must(fmt.Errorf("lstat: %v", err))
				}
			}
		}
	})
}

func signals() {
	heard := make(chan os.Signal, 1000)
	signal.Notify(heard, syscall.SIGUSR1, syscall.SIGURG)
	done := make(chan bool)
	var got atomic.Int32
	go func() {
		for {
			select {
			case <-heard:
				got.Add(1)
			case <-done:
				done <- true
				return
			}
		}
	}()
	stop := make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				syscall.Kill(os.Getpid(), syscall.SIGUSR1)
				runtime.Gosched()
			}
		}
	}()
	for begun := time.Now(); ; {
		hammer(8, 300*time.Millisecond)
		if got.Load() > 10 || time.Since(begun) > 30*time.Second {
			break
		}
	}
	close(stop)
	done <- true
	<-done
	fmt.Println("signals", got.Load() > 10)
}

func profile() {
	var to bytes.Buffer
	runtime.SetCPUProfileRate(2000)
	must(pprof.StartCPUProfile(&to))
	stop := make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	go func() { // only preemption by a signal ends its turn
		for i := 0; ; i++ {
		}
	}()
	hammer(8, 600*time.Millisecond)
	close(stop)
	pprof.StopCPUProfile()
	fmt.Println("profile", to.Len() > 100)
}

//go:noinline
func deep(left int, path *byte, status *syscall.Stat_t, wrong *int) int {
	var room [24]byte
	room[left%24] = byte(left)
	r1, _, number := syscall.RawSyscall6(syscall.SYS_NEWFSTATAT, ^uintptr(99), uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(status)), 0, 0, 0)
	if r1 != 0 || number != 0 {
		*wrong++
	}
	if left == 0 {
		return int(room[0])
	}
	return deep(left-1, path, status, wrong) + int(room[left%24]) - left%256
}

// A goroutine begins with 2 kB: at one of these depths next to nothing is left.
func depths() {
	path, err := syscall.BytePtrFromString(at("there"))
	must(err)
	total := 0
	var lock sync.Mutex
	together(300, func(i int) {
		status, wrong := new(syscall.Stat_t), 0
		sum := deep(i, path, status, &wrong)
		lock.Lock()
		total += wrong + sum
		lock.Unlock()
	})
	fmt.Println("depths", total)
}

// More calls that wait than there are stacks.
func waiting() {
	const count = 80
	for i := 0; i < count; i++ {
		must(syscall.Mkfifo(at(fmt.Sprintf("fifo%d", i)), 0o600))
	}
	go func() {
		time.Sleep(300 * time.Millisecond)
		hammer(4, 200*time.Millisecond)
		for i := 0; i < count; i++ {
			file, err := os.OpenFile(at(fmt.Sprintf("fifo%d", i)), os.O_WRONLY, 0)
			must(err)
			fmt.Fprint(file, i)
			file.Close()
		}
	}()
	var lock sync.Mutex
	sum := 0
	together(count, func(i int) {
		text, err := os.ReadFile(at(fmt.Sprintf("fifo%d", i)))
		must(err)
		if string(text) == fmt.Sprint(i) {
			lock.Lock()
			sum++
			lock.Unlock()
		}
	})
	fmt.Println("waiting", sum)
}

// Threads that end, and children of fork(2) that never say so.
func threads() {
	together(200, func(i int) {
		runtime.LockOSThread() // and so it ends with the goroutine
		_, err := os.Stat(at("there"))
		must(err)
	})
	for i := 0; i < 100; i++ {
		_, err := os.StartProcess(at("there"), []string{"x"}, &os.ProcAttr{})
		if !errors.Is(err, fs.ErrPermission) {
			must(fmt.Errorf("start: %v", err))
		}
	}
	hammer(4, 100*time.Millisecond)
	fmt.Println("threads")
}

// many makes calls for who counts them.
func many() {
	for i := 0; i < 1000; i++ {
		_, err := os.Stat(at("there"))
		must(err)
	}
}

// mutants runs copies of the program whose headers say something else of what
// the kernel does not load by them, and of the sizes of what it does.
func mutants() {
	program, err := os.ReadFile(os.Args[0])
	must(err)
	count := int(binary.LittleEndian.Uint16(program[56:]))
	for i := 0; i < count; i++ {
		for _, field := range []int{8, 16, 32} { // p_offset, p_vaddr, p_filesz
			for _, value := range []uint64{0, 1, 4097, 1 << 20, 1 << 47, 1<<63 - 1, ^uint64(0) - 4096, ^uint64(0)} {
				other := bytes.Clone(program)
				header := other[64+56*i:]
				if binary.LittleEndian.Uint32(header) == 1 && field != 32 {
					continue
				}
				binary.LittleEndian.PutUint64(header[field:], value)
				must(os.WriteFile(at("mutant"), other, 0o700))
				out, err := exec.Command(at("mutant"), "secret", at("there")).Output()
				fmt.Println(i, field, value, len(out), err)
			}
		}
	}
}

func secret() {
	text, err := os.ReadFile(os.Args[2])
	fmt.Printf("%q %s\n", text, name(err))
	// Of what a link leads to the kernel tells whether it is there.
	_, err = os.Lstat(os.Args[2])
	fmt.Println(name(err))
}

// filtered makes calls under a filter of its own, which ends it for two that it
// does not make by itself.
func filtered(install func(program unsafe.Pointer) syscall.Errno) {
	runtime.LockOSThread()
	type statement struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	code := []statement{
		{0x20, 0, 0, 0}, // the call's number
		{0x15, 1, 0, syscall.SYS_LSEEK},
		{0x15, 0, 1, syscall.SYS_NEWFSTATAT},
		{0x06, 0, 0, 0x80000000},
		{0x06, 0, 0, 0x7fff0000},
	}
	program := struct {
		count uint16
		code  *statement
	}{uint16(len(code)), &code[0]}
	// PR_SET_NO_NEW_PRIVS
	_, _, number := syscall.RawSyscall6(syscall.SYS_PRCTL, 38, 1, 0, 0, 0, 0)
	fmt.Println(int(number), int(install(unsafe.Pointer(&program))))
	text := make([]byte, 4096)
	into := uintptr(unsafe.Pointer(&text[0]))
	path := func(names ...string) uintptr {
		bytes, err := syscall.BytePtrFromString(at(names...))
		must(err)
		return uintptr(unsafe.Pointer(bytes))
	}
	const here = ^uintptr(99) // AT_FDCWD
	call := func(what string, number, a, b, c, d uintptr) uintptr {
		result, _, failed := syscall.Syscall6(number, a, b, c, d, 0, 0)
		fmt.Println(what, int(result) >= 0, int(failed))
		return result
	}
	call("open", syscall.SYS_OPENAT, here, path("none"), syscall.O_RDONLY, 0)
	call("create", syscall.SYS_OPENAT, here, path("created"), syscall.O_RDWR|syscall.O_CREAT, 0o600)
	call("unlink", syscall.SYS_UNLINKAT, here, path("created"), 0, 0)
	call("mkdir", syscall.SYS_MKDIRAT, here, path("made"), 0o700, 0)
	call("rmdir", syscall.SYS_UNLINKAT, here, path("made"), 0x200, 0)
	call("link", syscall.SYS_READLINKAT, here, path("link"), into, 4096)
	call("no link", syscall.SYS_READLINKAT, here, path("there"), into, 4096)
	call("getcwd", syscall.SYS_GETCWD, into, 4096, 0, 0)
	listed := call("directory", syscall.SYS_OPENAT, here, path(), syscall.O_DIRECTORY, 0)
	for call("list", syscall.SYS_GETDENTS64, listed, into, 4096, 0) > 0 {
	}
}

func byPrctl() {
	filtered(func(program unsafe.Pointer) syscall.Errno { // PR_SET_SECCOMP
		_, _, number := syscall.RawSyscall(syscall.SYS_PRCTL, 22, 2, uintptr(program))
		return number
	})
}

func bySeccomp() {
	filtered(func(program unsafe.Pointer) syscall.Errno {
		_, _, number := syscall.RawSyscall(317, 1, 0, uintptr(program))
		return number
	})
}

func main() {
	directory = os.Args[2]
	map[string]func(){"calls": calls, "raw": raw, "walk": walk, "programs": programs,
		"signals": signals, "profile": profile, "depths": depths, "waiting": waiting,
		"threads": threads, "many": many, "mutants": mutants, "secret": secret,
		"by-prctl": byPrctl, "by-seccomp": bySeccomp}[os.Args[1]]()
}
