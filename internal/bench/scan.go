package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Targets of the scanner for an Inform of about 3 KB.
const (
	scanMicroseconds = 10
	scanAllocations  = 8
)

// benchLine is one line of "go test -bench -benchmem".
type benchLine struct {
	name        string
	nanoseconds float64 // per operation
	bytes       float64
	allocations float64
}

// scan runs the benchmarks of internal/cwmp.
func (b *bench) scan(ctx context.Context) (report, error) {
	r := report{section: "scan", title: "Scanning a message"}
	args := []string{"test", "-run", "^$", "-bench", "Scan", "-benchmem", "-count", "5"}
	if b.smoke {
		args = append(args[:len(args)-1], "1", "-benchtime", "20x")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./internal/cwmp")...)
	cmd.Dir = b.root
	cmd.Env = append(cmd.Environ(), b.goEnv()...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		r.fail("go test -bench Scan ./internal/cwmp: %v: %s", err, firstLine(text))
		return r, nil
	}
	r.tabulateScan(parseBench(text))
	return r, nil
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}

// parseBench reads the result lines, in their order.
func parseBench(text []byte) []benchLine {
	var lines []benchLine
	in := bufio.NewScanner(bytes.NewReader(text))
	for in.Scan() {
		fields := strings.Fields(in.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		if line, ok := parseBenchFields(fields); ok {
			lines = append(lines, line)
		}
	}
	return lines
}

// parseBenchFields takes "BenchmarkX-2 N v ns/op v B/op v allocs/op", in which
// further units may stand in between.
func parseBenchFields(fields []string) (line benchLine, ok bool) {
	line.name = strings.TrimPrefix(fields[0], "Benchmark")
	if i := strings.LastIndexByte(line.name, '-'); i > 0 {
		if _, err := strconv.Atoi(line.name[i+1:]); err == nil {
			line.name = line.name[:i]
		}
	}
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return line, false
		}
		switch fields[i+1] {
		case "ns/op":
			line.nanoseconds, ok = value, true
		case "B/op":
			line.bytes = value
		case "allocs/op":
			line.allocations = value
		}
	}
	return line, ok
}

// tabulateScan lists each benchmark once, by the median of its runs, and
// judges the one of an Inform.
func (r *report) tabulateScan(lines []benchLine) {
	r.table.header = []string{"benchmark", "µs", "bytes", "allocations"}
	if len(lines) == 0 {
		r.fail("internal/cwmp has no benchmark named Scan...")
	}
	for _, line := range medians(lines) {
		r.table.rows = append(r.table.rows, []string{
			line.name, fmt.Sprintf("%.2f", line.nanoseconds/1e3), fmt.Sprintf("%.0f", line.bytes),
			fmt.Sprintf("%.0f", line.allocations),
		})
		if strings.Contains(line.name, "Inform") {
			r.figures = append(r.figures,
				newFigure(line.name+", µs", "%.1f", line.nanoseconds/1e3, scanMicroseconds, atMost),
				newFigure(line.name+", allocations", "%.0f", line.allocations, scanAllocations, atMost))
		}
	}
}

// medians merges the runs of each benchmark, in order of first appearance.
func medians(lines []benchLine) []benchLine {
	var names []string
	times := map[string][]float64{}
	last := map[string]benchLine{}
	for _, line := range lines {
		if _, seen := last[line.name]; !seen {
			names = append(names, line.name)
		}
		times[line.name] = append(times[line.name], line.nanoseconds)
		last[line.name] = line
	}
	merged := make([]benchLine, 0, len(names))
	for _, name := range names {
		line := last[name]
		line.nanoseconds = median(times[name])
		merged = append(merged, line)
	}
	return merged
}
