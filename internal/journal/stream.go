package journal

import (
	"context"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Filter says which events a reader gets. What is empty fits all.
type Filter struct {
	Kinds  []Kind
	ACS    string
	Device cwmp.DeviceID
	// Allow is asked of each event, from the reader's goroutine. Optional.
	Allow func(*Header) bool
}

// Header is what filters look at.
type Header struct {
	ID     uint64
	Kind   Kind
	Device cwmp.DeviceID // without Manufacturer
	ACS    string
}

// Frame is one event as readers get it.
type Frame struct {
	Header
	JSON []byte // the event as a JSON document; shared, not to be changed
}

// Reader reads events as they come. One goroutine may use it, and another one close
// it. It needs no memory of its own for events that it is late to read: they are
// lost to it when the journal keeps them no longer.
type Reader struct{}

// Next waits for events and returns some with the number of those that were lost
// since the last call, of any kind, because the reader was slow. It ends with ctx's
// error, after which it may be called again, or io.EOF when the journal has stopped
// or the reader is closed.
func (*Reader) Next(ctx context.Context) (frames []Frame, lost uint64, err error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// NextSSE is Next for a text/event-stream: what it returns is to be written as it is,
// in order, and then flushed. It shares the bytes with all readers, so they are not
// to be changed. Events have their ID as id, for Last-Event-ID, their Kind as event
// and their JSON as data. When some were lost an event "lost" comes first, which has
// no id and {"lost":N} as data. After 15 s without events it returns a comment, so
// that the end of a connection is noticed.
func (*Reader) NextSSE(ctx context.Context) (text [][]byte, lost uint64, err error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// NextGzipSSE is NextSSE for answers with Content-Encoding: gzip, for which it costs
// a tenth of the bytes. A reader uses either the one or the other.
func (*Reader) NextGzipSSE(ctx context.Context) (gzip [][]byte, lost uint64, err error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// Close ends the reader.
func (*Reader) Close() {}
