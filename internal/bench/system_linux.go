package main

import (
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the CPU time of a process and all its threads in nanosecond
// resolution, by the process's CPU clock (clock_getcpuclockid(3)); the ticks
// of /proc/PID/stat are 10 ms each, too coarse for a short round.
func cpuTime(pid int) (time.Duration, error) {
	const perProcessScheduled = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|perProcessScheduled), &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}

// lateBind lets the kernel choose a local port when the destination is known,
// so that one source address serves as many connections as there are pairs.
func lateBind(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	if err != nil {
		return err
	}
	return failed
}

// raiseFileLimit asks for n open files, for this process and its children, and
// returns what was granted.
func raiseFileLimit(n uint64) (uint64, error) {
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}) == nil {
		return n, nil
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	return limit.Cur, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}

// dieWithParent has the kernel end the process should this one be killed.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// pause stops the process until resume lets it go on.
func (p *child) pause() error  { return p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *child) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// kernelRelease is what uname -r prints.
func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
