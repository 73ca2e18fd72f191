package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine is where a run was made; figures mean nothing without it.
type machine struct {
	cpu     string
	cores   int
	procs   int // GOMAXPROCS of every Go process of the run
	kernel  string
	goV     string
	haproxy string
	nginx   string
}

func describeMachine(procs int) machine {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		info = nil // named unknown below
	}
	return machine{
		cpu: cpuModel(info), cores: runtime.NumCPU(), procs: procs, kernel: kernelRelease(),
		goV:     strings.TrimPrefix(runtime.Version(), "go") + " " + runtime.GOOS + "/" + runtime.GOARCH,
		haproxy: versionOf("haproxy"), nginx: versionOf("nginx"),
	}
}

// short is the machine in one line.
func (m machine) short() string {
	return fmt.Sprintf("%s, %d cores, kernel %s, Go %s", m.cpu, m.cores, m.kernel, m.goV)
}

func cpuModel(cpuinfo []byte) string {
	for line := range bytes.Lines(cpuinfo) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(bytes.TrimSpace(name)) == "model name" {
			return string(bytes.TrimSpace(value))
		}
	}
	return "unknown"
}

// versionOf is what a program says of itself with -v.
func versionOf(name string) string {
	program, err := look(name)
	if err != nil {
		return "not installed"
	}
	text, err := exec.Command(program, "-v").CombinedOutput()
	if err != nil {
		return "unknown"
	}
	return parseVersion(text)
}

// parseVersion picks the version of "HAProxy version 2.6.12-1 2026/..." or
// "nginx version: nginx/1.22.1".
func parseVersion(text []byte) string {
	_, after, ok := strings.Cut(string(text), "version")
	fields := strings.Fields(strings.TrimPrefix(after, ":"))
	if !ok || len(fields) == 0 {
		return "unknown"
	}
	return strings.TrimPrefix(fields[0], "nginx/")
}

func (m machine) lines() [][2]string {
	return [][2]string{
		{"CPU", fmt.Sprintf("%s, %d cores", m.cpu, m.cores)}, {"kernel", m.kernel},
		{"Go", fmt.Sprintf("%s, GOMAXPROCS %d in every Go process", m.goV, m.procs)},
		{"HAProxy", m.haproxy}, {"nginx", m.nginx},
	}
}

func (m machine) text() string {
	var out strings.Builder
	for _, line := range m.lines() {
		fmt.Fprintf(&out, "%-8s %s\n", line[0], line[1])
	}
	return out.String()
}

func (m machine) markdown() string {
	t := table{header: []string{"machine", ""}}
	for _, line := range m.lines() {
		t.rows = append(t.rows, line[:])
	}
	return strings.Replace(t.markdown(), "---:", "---", 1)
}
