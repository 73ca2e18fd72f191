package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"
	"time"
)

// keepAlive is how long a text/event-stream stays silent. Proxies give up
// connections after 30 s or a minute.
const keepAlive = 15 * time.Second

// Frame is one event as readers get it.
type Frame struct {
	Header
	JSON []byte // the event as a JSON document; shared, not to be changed
}

// Reader reads events as they come. One goroutine may use it, and another one close
// it. It needs no memory of its own for events that it is late to read: they are
// lost to it when the journal keeps them no longer.
type Reader struct {
	stream *stream
	pick   func(*Header) bool // nil for all
	next   uint64             // ID
	begun  bool               // gzip's header was given
	once   sync.Once
	closed chan struct{}
}

// Next waits for events and returns some with the number of those that were lost
// since the last call, of any kind, because the reader was slow. It ends with ctx's
// error, after which it may be called again, or io.EOF when the journal has stopped
// or the reader is closed.
func (r *Reader) Next(ctx context.Context) (frames []Frame, lost uint64, err error) {
	p, err := r.wait(ctx)
	if len(p.runs) == 1 {
		run := p.runs[0]
		return p.batch.frames[run.from:run.to:run.to], p.lost, err
	}
	for _, run := range p.runs {
		frames = append(frames, p.batch.frames[run.from:run.to]...)
	}
	return frames, p.lost, err
}

// NextSSE is Next for a text/event-stream: what it returns is to be written as it is,
// in order, and then flushed. It shares the bytes with all readers, so they are not
// to be changed. Events have their ID as id, for Last-Event-ID, their Kind as event
// and their JSON as data. When some were lost an event "lost" comes first, which has
// no id and {"lost":N} as data. After 15 s without events it returns a comment, so
// that the end of a connection is noticed.
func (r *Reader) NextSSE(ctx context.Context) (text [][]byte, lost uint64, err error) {
	p, err := r.waitAwhile(ctx)
	if err != nil {
		return nil, 0, err
	}
	return append(p.signs(), p.texts()...), p.lost, nil
}

// NextGzipSSE is NextSSE for answers with Content-Encoding: gzip. Readers of all
// events share what is compressed once; what only some read is not compressed. The
// stream has no end of its own. A reader uses either NextSSE or NextGzipSSE.
func (r *Reader) NextGzipSSE(ctx context.Context) (gzip [][]byte, lost uint64, err error) {
	p, err := r.waitAwhile(ctx)
	if err != nil {
		return nil, 0, err
	}
	if !r.begun {
		gzip, r.begun = append(gzip, gzipHeader), true
	}
	for _, text := range p.signs() {
		gzip = append(gzip, stored(nil, text))
	}
	if p.whole() {
		return append(gzip, p.batch.deflated(&r.stream.squeezer)), p.lost, nil
	}
	for _, text := range p.texts() {
		gzip = append(gzip, stored(nil, text))
	}
	return gzip, p.lost, nil
}

// Close ends the reader. It may be called more than once.
func (r *Reader) Close() {
	r.once.Do(func() {
		close(r.closed)
		r.stream.unsubscribe()
	})
}

// wait waits for a batch with something for the reader.
func (r *Reader) wait(ctx context.Context) (part, error) {
	for {
		if err := ctx.Err(); err != nil {
			return part{}, err
		}
		select {
		case <-r.closed:
			return part{}, io.EOF
		default:
		}
		b, lost, news, err := r.stream.after(r.next)
		switch {
		case err != nil:
			return part{}, err
		case b != nil:
			p := part{batch: b, lost: lost, runs: r.choose(b)}
			r.next = b.last() + 1
			r.stream.lost.Add(lost)
			if lost > 0 || len(p.runs) > 0 {
				return p, nil
			}
			continue
		}
		select {
		case <-news:
		case <-r.closed:
		case <-ctx.Done():
		}
	}
}

// waitAwhile is wait, but returns an empty part when it is time for a sign of life.
func (r *Reader) waitAwhile(ctx context.Context) (part, error) {
	waiting, cancel := context.WithTimeout(ctx, keepAlive)
	defer cancel()
	p, err := r.wait(waiting)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	return p, err
}

// choose returns which events of a batch the reader gets.
func (r *Reader) choose(b *batch) (runs []run) {
	// It may have had some of them, or has asked for those to come only.
	from := sort.Search(len(b.frames), func(i int) bool { return b.frames[i].ID >= r.next })
	if r.pick == nil {
		return []run{{from, len(b.frames)}}
	}
	for i := from; i < len(b.frames); i++ {
		if !r.pick(&b.frames[i].Header) {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].to == i {
			runs[n-1].to++
		} else {
			runs = append(runs, run{i, i + 1})
		}
	}
	return runs
}

// part is what a reader gets of a batch. Without a batch it is a sign of life.
type part struct {
	batch *batch
	runs  []run
	lost  uint64
}

// run is events in a row, those from one to before another.
type run struct{ from, to int }

// whole tells whether it is all of the batch.
func (p *part) whole() bool {
	return p.batch != nil && len(p.runs) == 1 && p.runs[0] == run{0, len(p.batch.frames)}
}

// signs returns what a text/event-stream says beside events.
func (p *part) signs() [][]byte {
	switch {
	case p.batch == nil:
		return [][]byte{[]byte(": still here\n\n")}
	case p.lost > 0:
		return [][]byte{fmt.Appendf(nil, "event: lost\ndata: {\"lost\":%d}\n\n", p.lost)}
	}
	return nil
}

// texts returns the events as text/event-stream.
func (p *part) texts() (texts [][]byte) {
	for _, r := range p.runs {
		texts = append(texts, p.batch.text[p.batch.starts[r.from]:p.batch.starts[r.to]])
	}
	return texts
}
