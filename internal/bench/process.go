package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// usage is the kernel's account of one process.
type usage struct {
	CPU    time.Duration // user and system, all threads, also those that ended
	System float64       // share of it spent in the kernel, by ticks
}

// usageOf reads the CPU time of a process.
func usageOf(pid int) (usage, error) {
	cpu, err := cpuTime(pid)
	if err != nil {
		return usage{}, fmt.Errorf("cpu time of process %d: %w", pid, err)
	}
	stat, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return usage{}, err
	}
	user, system, err := parseStat(stat)
	if err != nil {
		return usage{}, fmt.Errorf("process %d: %w", pid, err)
	}
	share := 0.0
	if user+system > 0 {
		share = float64(system) / float64(user+system)
	}
	return usage{CPU: cpu, System: share}, nil
}

func procFile(pid int, name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }

// parseStat returns the ticks that a process has spent in user and in kernel
// mode: fields 14 and 15 of /proc/PID/stat (proc(5)).
func parseStat(stat []byte) (user, system uint64, err error) {
	// The command name, field 2, may hold blanks and brackets itself.
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	if end < 0 || len(fields) < 13 {
		return 0, 0, fmt.Errorf("stat line %q is not in the form of proc(5)", stat)
	}
	if user, err = strconv.ParseUint(string(fields[11]), 10, 64); err != nil {
		return 0, 0, fmt.Errorf("utime: %w", err)
	}
	if system, err = strconv.ParseUint(string(fields[12]), 10, 64); err != nil {
		return 0, 0, fmt.Errorf("stime: %w", err)
	}
	return user, system, nil
}

// memory is what a process occupies, in bytes.
type memory struct {
	Resident int64 // VmRSS
	Peak     int64 // VmHWM, since the start or the last resetPeak
	File     int64 // RssFile: of Resident, pages of mapped files
}

func memoryOf(pid int) (memory, error) {
	status, err := os.ReadFile(procFile(pid, "status"))
	if err != nil {
		return memory{}, err
	}
	var m memory
	for key, to := range map[string]*int64{"VmRSS": &m.Resident, "VmHWM": &m.Peak, "RssFile": &m.File} {
		if *to, err = statusBytes(status, key); err != nil {
			return memory{}, fmt.Errorf("process %d: %w", pid, err)
		}
	}
	return m, nil
}

// statusBytes returns a size of /proc/PID/status, "VmRSS:    1234 kB", in bytes.
func statusBytes(status []byte, key string) (int64, error) {
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) != key {
			continue
		}
		number, ok := bytes.CutSuffix(bytes.TrimSpace(value), []byte(" kB"))
		if !ok {
			return 0, fmt.Errorf("status line %q has no size in kB", line)
		}
		kilobytes, err := strconv.ParseInt(string(number), 10, 64)
		return kilobytes * 1024, err
	}
	return 0, fmt.Errorf("status has no line %s", key)
}

// resetPeak sets a process's VmHWM back to its VmRSS.
func resetPeak(pid int) error {
	return os.WriteFile(procFile(pid, "clear_refs"), []byte("5"), 0)
}
