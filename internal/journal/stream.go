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

// Reader reads events as they come. One goroutine may use it.
type Reader struct{}

// Next waits for events and returns them with the number of those that were lost
// since the last call, because the reader was slow. It ends with ctx's error, or
// io.EOF when the journal stops.
func (*Reader) Next(ctx context.Context) (frames []Frame, lost uint64, err error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// Close ends the reader.
func (*Reader) Close() {}
