//go:build !linux

package main

import (
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// The figures come from Linux's account of processes; elsewhere the benchmark
// builds, so that the module does, and says so when it is run.
var errNotLinux = errors.New("the benchmark needs Linux: it reads CPU time and memory from /proc")

func cpuTime(int) (time.Duration, error)            { return 0, errNotLinux }
func lateBind(_, _ string, _ syscall.RawConn) error { return nil }
func raiseFileLimit(uint64) (uint64, error)         { return 0, errNotLinux }
func dieWithParent(*exec.Cmd)                       {}
func (*child) pause() error                         { return errNotLinux }
func (*child) resume() error                        { return errNotLinux }
func kernelRelease() string                         { return "unknown" }
