//go:build linux && amd64

package faults

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// clock is the clock on the wall of one machine, as the programs on it see it. It is set while they run.
//
// A Go program asks the kernel through the vDSO, code that the kernel maps into every process, so no library can stand in
// between. The vDSO can be written to, as debuggers do, and each process has its own copy then: when a program has just been
// started, and has not run a single instruction yet, its clock_gettime is replaced with the system call of that name and an
// offset added, which is changed later where it stands. Monotonic time, by which programs wait, stays as it is.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
	slots  map[int]int64 // where the offset stands in the memory of each process
}

func newClock() *clock { return &clock{slots: map[int]int64{}} }

// canSetClocks says why not, where this machine does not let the clocks of single programs be set.
func canSetClocks() error {
	_, err := vdsoSymbol(os.Getpid(), clockGettime, uint64(len(gettime)+8))
	return err
}

const clockGettime = "__vdso_clock_gettime"

// set changes the time for all processes that run.
func (c *clock) set(offset time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
	var errs []error
	for pid, at := range c.slots {
		if err := poke(pid, at, c.bytes()); err != nil && !gone(err) {
			errs = append(errs, fmt.Errorf("the clock of process %d cannot be set: %w", pid, err))
		}
	}
	return errors.Join(errs...)
}

// gone says whether a process ended in the meantime.
func gone(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EIO)
}

func (c *clock) bytes() []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(int64(c.offset/time.Second)))
}

func (c *clock) forget(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.slots, pid)
}

// gettime is int clock_gettime(clockid_t, struct timespec *), with what CLOCK_REALTIME gives moved by the eight bytes that follow.
var gettime = []byte{
	0xb8, 228, 0, 0, 0, // mov eax, 228: the system call
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi: CLOCK_REALTIME is 0
	0x75, 10, // jne to the end
	0x48, 0x8b, 0x0d, 6, 0, 0, 0, // mov rcx, [the offset]
	0x48, 0x01, 0x0e, // add [rsi], rcx
	0xc3,       // ret
	0x90, 0x90, // so that the offset is aligned
}

// move puts a process that was started with Ptrace, and has not run yet, under this clock, and lets it run. It must be called by the
// thread that started it. A nil clock only lets it run.
func (c *clock) move(pid int) error {
	var state syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &state, 0, nil); err != nil {
		return err
	}
	if !state.Stopped() {
		return fmt.Errorf("process %d was to wait for its clock: %#x", pid, state)
	}
	err := c.install(pid)
	return errors.Join(err, syscall.PtraceDetach(pid))
}

func (c *clock) install(pid int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, err := vdsoSymbol(pid, clockGettime, uint64(len(gettime)+8))
	if err != nil {
		return err
	}
	if err := poke(pid, at, append(bytes.Clone(gettime), c.bytes()...)); err != nil {
		return err
	}
	c.slots[pid] = at + int64(len(gettime))
	return nil
}

// vdsoSymbol finds a function of a process's vDSO that has room for so many bytes.
func vdsoSymbol(pid int, name string, room uint64) (int64, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		if !strings.HasSuffix(line, "[vdso]\n") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
			return 0, err
		}
		image := make([]byte, to-from)
		mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
		if err != nil {
			return 0, err
		}
		_, err = mem.ReadAt(image, from)
		if err = errors.Join(err, mem.Close()); err != nil {
			return 0, err
		}
		f, err := elf.NewFile(bytes.NewReader(image))
		if err != nil {
			return 0, err
		}
		symbols, err := f.DynamicSymbols()
		if err != nil {
			return 0, err
		}
		for _, s := range symbols {
			if s.Name == name && s.Size >= room && s.Value%8 == 0 {
				return from + int64(s.Value), nil
			}
		}
		return 0, fmt.Errorf("this kernel's vDSO has no %s with room for %d bytes", name, room)
	}
	return 0, errors.New("this kernel maps no vDSO into processes")
}

func poke(pid int, at int64, b []byte) error {
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = mem.WriteAt(b, at)
	return errors.Join(err, mem.Close())
}
