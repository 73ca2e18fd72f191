package main

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

func TestParseStat(t *testing.T) {
	const tail = " S 1 77 77 0 -1 4194560 1 2 3 4 1234 567 8 9 20 0 5 0 100"
	for _, c := range []struct {
		name, stat   string
		user, system uint64
		ok           bool
	}{
		{"plain", "77 (nginx)" + tail, 1234, 567, true},
		{"blank and bracket in the name", "77 (a ) b (c)" + tail, 1234, 567, true},
		{"cut short", "77 (nginx) S 1 2 3", 0, 0, false},
		{"no name", "77 nginx" + tail, 0, 0, false},
		{"not a number", strings.Replace("77 (nginx)"+tail, "567", "x", 1), 0, 0, false},
		{"empty", "", 0, 0, false},
	} {
		user, system, err := parseStat([]byte(c.stat))
		if (err == nil) != c.ok || (c.ok && (user != c.user || system != c.system)) {
			t.Errorf("%s: got %d, %d, %v; want %d, %d, ok %t", c.name, user, system, err, c.user, c.system, c.ok)
		}
	}
}

func TestStatusBytes(t *testing.T) {
	const status = "Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t    1024 kB\nThreads:\t4\n"
	if got, err := statusBytes([]byte(status), "VmRSS"); err != nil || got != 1<<20 {
		t.Errorf("VmRSS = %d, %v; want 1048576", got, err)
	}
	for _, key := range []string{"VmSwap", "Threads"} {
		if got, err := statusBytes([]byte(status), key); err == nil {
			t.Errorf("%s = %d, want an error", key, got)
		}
	}
}

func TestUsageAndMemoryOfThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	before, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for i := range 1 << 22 {
		sum += i * i
	}
	after, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.CPU <= before.CPU {
		t.Errorf("CPU time went from %s to %s over a computation (%d)", before.CPU, after.CPU, sum)
	}
	m, err := memoryOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if m.Resident <= 0 || m.Peak < m.Resident {
		t.Errorf("memory = %+v, want a resident size that is at most the peak", m)
	}
}
