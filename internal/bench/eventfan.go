package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	eventRate    = 1000 // sessions a second
	eventReaders = 100
	eventPercent = 2 // of the machine's CPU time, the most that readers may cost
)

// eventCase is how many read events, and whether they take them compressed.
type eventCase struct {
	readers int
	gzip    bool
}

func (c eventCase) String() string {
	switch {
	case c.readers == 0:
		return "none"
	case c.gzip:
		return fmt.Sprintf("%d, gzip", c.readers)
	}
	return fmt.Sprintf("%d, not compressed", c.readers)
}

// eventResult is what one case took.
type eventResult struct {
	eventCase
	took     time.Duration
	cpu      time.Duration
	sessions int
	bytes    int64 // that all readers got
	seen     int64 // events that one more reader counted
	eventStats
}

// percent is the CPU time in percent of what the machine has.
func (e eventResult) percent() float64 {
	return 100 * e.cpu.Seconds() / e.took.Seconds() / float64(runtime.NumCPU())
}

// events measures what it costs to tell many readers of everything.
func (b *bench) events(ctx context.Context) (report, error) {
	r := report{section: "events", title: fmt.Sprintf("Events of %d sessions a second, to %d readers", eventRate, eventReaders)}
	var results []eventResult
	for _, c := range []eventCase{{}, {eventReaders, true}, {eventReaders, false}} {
		result, err := b.fanOut(ctx, c)
		if err != nil {
			return r, fmt.Errorf("%s: %w", c, err)
		}
		results = append(results, result)
	}
	r.tabulateEvents(results)
	r.note("A process publishes two events a session, keeps timelines, and serves all events by the API's handler over loopback, which counts "+
		"what the kernel does to hand them over with the sender. CPU is that of this process, in percent of the machine's %d cores; the readers are "+
		"another process. With readers there is one more, who counts events.", runtime.NumCPU())
	return r, nil
}

func (b *bench) fanOut(ctx context.Context, c eventCase) (eventResult, error) {
	result := eventResult{eventCase: c}
	address, err := b.ports.free()
	if err != nil {
		return result, err
	}
	p, err := b.startAnswering(roleEvents, "-listen", address)
	if err != nil {
		return result, err
	}
	defer p.stop()
	if err := p.await(ctx, 10*time.Second, dialable(address)); err != nil {
		return result, err
	}
	crowd := &eventCrowd{address: address}
	defer crowd.leave()
	if err := crowd.join(c); err != nil {
		return result, err
	}
	settle, last := time.Second, 3*time.Second
	if b.smoke {
		settle, last = 100*time.Millisecond, 500*time.Millisecond
	}
	time.Sleep(settle)
	before, err := crowd.measure(p)
	if err != nil {
		return result, err
	}
	time.Sleep(last)
	after, err := crowd.measure(p)
	result.eventStats = after.eventStats
	result.took, result.cpu = after.took-before.took, after.cpu-before.cpu
	result.sessions, result.bytes, result.seen = after.Sessions-before.Sessions, after.bytes-before.bytes, after.seen-before.seen
	return result, err
}

// eventCrowd is readers of events.
type eventCrowd struct {
	address string
	conns   []net.Conn
	all     sync.WaitGroup
	bytes   atomic.Int64
	seen    atomic.Int64
}

// measure reads all counters; took is since any time.
func (e *eventCrowd) measure(p *answering) (now eventResult, err error) {
	now.took = time.Duration(time.Now().UnixNano())
	now.bytes, now.seen = e.bytes.Load(), e.seen.Load()
	if now.cpu, err = cpuTime(p.pid()); err != nil {
		return now, err
	}
	return now, p.ask(&now.eventStats)
}

func (e *eventCrowd) join(c eventCase) error {
	for n := range c.readers {
		conn, err := net.Dial("tcp4", e.address)
		if err != nil {
			return err
		}
		e.conns = append(e.conns, conn)
		coding := "identity"
		if c.gzip {
			coding = "gzip"
		}
		if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a\r\nFrom: %d\r\nAccept-Encoding: %s\r\n\r\n", n, coding); err != nil {
			return err
		}
		e.all.Go(func() { e.read(conn) })
	}
	if c.readers == 0 {
		return nil
	}
	conn, err := net.Dial("tcp4", e.address)
	if err != nil {
		return err
	}
	e.conns = append(e.conns, conn)
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}}
	answer, err := client.Get("http://" + e.address) // asks for gzip, and undoes it
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.Join(errors.New(answer.Status), answer.Body.Close())
	}
	e.all.Go(func() {
		defer answer.Body.Close()
		e.count(answer)
	})
	return nil
}

// read reads what comes, as cheaply as can be.
func (e *eventCrowd) read(conn net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		e.bytes.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// count counts events.
func (e *eventCrowd) count(answer *http.Response) {
	mark := []byte("\nid: ")
	buf := make([]byte, 64<<10)
	kept := 0 // of a mark that may be cut
	for {
		n, err := answer.Body.Read(buf[kept:])
		text := buf[:kept+n]
		e.seen.Add(int64(bytes.Count(text, mark)))
		kept = min(len(mark)-1, len(text))
		copy(buf, text[len(text)-kept:])
		if err != nil {
			return
		}
	}
}

func (e *eventCrowd) leave() {
	for _, conn := range e.conns {
		conn.Close()
	}
	e.all.Wait()
}

func (r *report) tabulateEvents(results []eventResult) {
	r.table.header = []string{"readers", "sessions/s", "MB/s to all", "CPU, % of the machine", "more than with none", "lost events"}
	none := results[0].percent()
	for _, e := range results {
		more := e.percent() - none
		r.table.rows = append(r.table.rows, []string{
			e.String(), fmt.Sprintf("%.0f", float64(e.sessions)/e.took.Seconds()), fmt.Sprintf("%.1f", float64(e.bytes)/e.took.Seconds()/1e6),
			fmt.Sprintf("%.2f", e.percent()), fmt.Sprintf("%.2f", more), fmt.Sprintf("%.0f", e.Lost+e.Dropped),
		})
		if e.readers == 0 {
			continue
		}
		// Batches come every 200 ms, so a part of one may be missing.
		if late := int64(2 * eventRate / 2); e.seen < 2*int64(e.sessions)-late || e.bytes == 0 {
			r.fail("%s: %d events were read of %d sessions", e, e.seen, e.sessions)
		}
		r.figures = append(r.figures, newFigure(fmt.Sprintf("CPU for %s readers, %% of the machine", e), "%.2f", more, eventPercent, atMost))
	}
}
