package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/stunsrv"
)

// tableStats is what the process with the STUN server and its table tells.
type tableStats struct {
	Bindings  int
	Heap      int64 // bytes in use after a collection
	EmptyHeap int64 // the same before the first binding
	Mallocs   uint64
	Waited    float64 // seconds that goroutines have waited for locks
}

// runBindings serves STUN with a table of bindings, put together as acsgate does
// it, and answers each line of in by a line of JSON with its counters.
func runBindings(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet(roleBindings, flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	port := flags.Uint("port", 0, "of the CPEs")
	size := flags.Int("bindings", 0, "bindings to begin with; 0: sightings are told to nobody")
	dir := flags.String("dir", "", "data directory, which must not exist yet")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := openFilled(*dir)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	table, err := newTable(s, registry)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	server, err := stunsrv.New(stunsrv.Config{Listen: []string{*listen}}, stunsrv.TURNConfig{}, stunsrv.Deps{
		Sighted: func(s []stunsrv.Sighting) {
			if *size != 0 {
				table.NoteSightings(unsafe.Slice((*binding.Sighting)(&s[0]), len(s)))
			}
		},
		Metrics: registry, Log: zap.NewNop(), Now: time.Now,
	})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	stats := tableStats{EmptyHeap: liveHeap()}
	boundFleet{size: *size, stun: server.Addrs()[0], port: uint16(*port)}.note(table)
	if err := writeTable(context.Background(), table); err != nil {
		return errors.Join(err, s.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- table.Run(ctx) }()
	go func() { ended <- server.Run(ctx) }()
	err = answerLines(in, out, func() any { return stats.read(table) })
	cancel()
	return errors.Join(err, <-ended, <-ended, s.Close())
}

// answerLines answers each line by one of JSON until in ends.
func answerLines(in io.Reader, out io.Writer, answer func() any) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := json.NewEncoder(out).Encode(answer()); err != nil {
			return err
		}
	}
	return lines.Err()
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what the first one only made ready to be freed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func (s *tableStats) read(t *binding.Table) *tableStats {
	var m runtime.MemStats
	runtime.ReadMemStats(&m) // before the answer allocates
	s.Mallocs = m.Mallocs
	waits := []metrics.Sample{{Name: "/sync/mutex/wait/total:seconds"}}
	metrics.Read(waits)
	s.Waited, s.Bindings = waits[0].Value.Float64(), t.Len()
	s.Heap = liveHeap()
	return s
}

// Targets of a full table.
const (
	tableMegabytes  = 250
	tableRate       = 0.9
	allocsPerPacket = 0.001 // the rest of the process allocates now and then
)

const (
	tableFew    = 1000
	tableBuffer = 4096 // keep-alives that are waiting when the server goes on
)

// tableServer is one process of the comparison.
type tableServer struct {
	*answering
	tracks                bool
	load                  *stunLoad
	address               netip.AddrPort
	stats                 tableStats
	cpu, rate             []float64
	mallocs, waited, seen float64
}

// fullTable compares answering with few and with many bindings.
func (b *bench) fullTable(ctx context.Context) (report, error) {
	r := report{section: "bindings", title: fmt.Sprintf("A table of %d STUN bindings", b.bindings)}
	var all []*tableServer
	defer func() {
		for _, s := range all {
			s.stop()
			s.load.socket.close()
		}
	}()
	for _, cpes := range []int{min(tableFew, b.bindings), b.bindings} {
		for _, tracks := range []bool{false, true} {
			s, err := b.startTable(ctx, cpes, tracks)
			if err != nil {
				return r, err
			}
			all = append(all, s)
		}
	}
	for range b.rounds {
		for _, s := range all {
			if err := s.round(ctx, b.answers); err != nil {
				return r, err
			}
		}
	}
	r.tabulateTables(all)
	r.note("%d rounds of %d answers, to CPEs at random. Memory is what is in use on the Go heap after a collection, in a process with "+
		"the STUN server, the table and its store alone. What is allocated with many bindings is for writing them to the store.", b.rounds, b.answers)
	return r, b.profileProcess(ctx, &r, r.section, all[3].pid(), func() error { return all[3].round(ctx, profiledRounds*b.answers) })
}

// startTable starts a process with bindings and waits until it has them.
func (b *bench) startTable(ctx context.Context, cpes int, tracks bool) (*tableServer, error) {
	l, err := newSTUNLoad(cpes)
	if err != nil {
		return nil, err
	}
	address, err := b.ports.free()
	if err != nil {
		l.socket.close()
		return nil, err
	}
	s := &tableServer{tracks: tracks, load: l, address: netip.MustParseAddrPort(address)}
	size := 0
	if tracks {
		size = cpes
	}
	s.answering, err = b.startAnswering(roleBindings, "-listen", address, "-port", fmt.Sprint(l.socket.port),
		"-bindings", fmt.Sprint(size), "-dir", filepath.Join(b.dir, fmt.Sprintf("table-%d-%s", size, port(address))))
	if err == nil {
		err = s.warm(ctx, size)
	}
	if err != nil {
		l.socket.close()
		if s.answering != nil {
			s.stop()
		}
		return nil, err
	}
	return s, nil
}

// warm waits until the table is filled, and has some keep-alives answered.
func (s *tableServer) warm(ctx context.Context, size int) error {
	if err := s.ask(&s.stats); err != nil { // it answers when it is filled
		return err
	}
	if s.stats.Bindings != size {
		return fmt.Errorf("%s: %d bindings, want %d", s.name, s.stats.Bindings, size)
	}
	_, err := s.load.saturate(ctx, s.address, min(s.load.fleet, 20*tableFew))
	return err
}

// round measures one load.
func (s *tableServer) round(ctx context.Context, answers int) error {
	if err := s.ask(&s.stats); err != nil {
		return err
	}
	from := s.stats
	before, err := cpuTime(s.pid())
	if err != nil {
		return err
	}
	got, err := s.load.drain(ctx, s.address, answers, tableBuffer, s.child)
	if err != nil {
		return err
	}
	after, err := cpuTime(s.pid())
	if err != nil {
		return err
	}
	if err := s.ask(&s.stats); err != nil {
		return err
	}
	s.cpu = append(s.cpu, float64((after-before).Nanoseconds())/1e3/float64(max(got.Answered, 1)))
	s.rate = append(s.rate, got.rate())
	s.mallocs += float64(s.stats.Mallocs - from.Mallocs)
	s.waited += s.stats.Waited - from.Waited
	s.seen += float64(got.Answered)
	return nil
}

// grown is how much memory the bindings take, in megabytes.
func (s *tableServer) grown() float64 { return float64(s.stats.Heap-s.stats.EmptyHeap) / (1 << 20) }

// tabulateTables takes few CPEs without and with a table, then many.
func (r *report) tabulateTables(all []*tableServer) {
	r.table.header = []string{
		"server", "CPEs", "memory for bindings, MB", "bytes each", "answers/s", "ratio", "CPU µs/answer", "ratio", "allocations/packet",
		"lock waits, ns/packet",
	}
	for _, s := range all {
		name, grown, each := "without a table", "-", "-"
		if s.tracks {
			name, grown, each = "with its table", fmt.Sprintf("%.1f", s.grown()), fmt.Sprintf("%.0f", s.grown()*(1<<20)/float64(s.load.fleet))
		}
		r.table.rows = append(r.table.rows, []string{
			name, fmt.Sprint(s.load.fleet), grown, each,
			fmt.Sprintf("%.0f", median(s.rate)), number(median(ratios(s.rate, all[0].rate))),
			fmt.Sprintf("%.2f", median(s.cpu)), number(median(ratios(s.cpu, all[0].cpu))),
			fmt.Sprintf("%.4f", s.mallocs/s.seen), fmt.Sprintf("%.1f", 1e9*s.waited/s.seen),
		})
	}
	few, many := all[1], all[3]
	r.figures = append(r.figures,
		newFigure("memory for the bindings, MB", "%.0f", many.grown(), tableMegabytes, atMost),
		newFigure("answers per second, many to few bindings", "%.2f", median(ratios(many.rate, few.rate)), tableRate, atLeast),
		newFigure("allocations per packet", "%.3f", few.mallocs/few.seen, allocsPerPacket, atMost))
}
