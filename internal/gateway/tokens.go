package gateway

import (
	"sync"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
)

// tokenIndex leads from the token of a device back to it. It holds 12 bytes a
// device; what it finds is proven by making the token again.
type tokenIndex struct {
	tokens  *connreq.Tokens
	devices *device.Registry

	mu    sync.RWMutex
	index map[uint64]device.Handle
}

func newTokenIndex(key []byte, devices *device.Registry) *tokenIndex {
	return &tokenIndex{tokens: connreq.NewTokens(key), devices: devices, index: map[uint64]device.Handle{}}
}

// load enters every device that the registry knows.
func (t *tokenIndex) load() {
	for record := range t.devices.All() {
		t.add(record.ID)
	}
}

// add enters a device, if the registry knows it.
func (t *tokenIndex) add(id cwmp.DeviceID) {
	handle, ok := t.devices.Handle(id)
	if !ok {
		return
	}
	prefix := connreq.Prefix(t.tokens.Of(id))
	t.mu.RLock()
	known, ok := t.index[prefix]
	t.mu.RUnlock()
	if ok && known == handle {
		return
	}
	t.mu.Lock()
	t.index[prefix] = handle
	t.mu.Unlock()
}

// device returns the device of a token.
func (t *tokenIndex) device(token string) (cwmp.DeviceID, bool) {
	t.mu.RLock()
	handle, ok := t.index[connreq.Prefix(token)]
	t.mu.RUnlock()
	if !ok {
		return cwmp.DeviceID{}, false
	}
	id, ok := t.devices.At(handle)
	return id, ok && t.tokens.Is(token, id)
}
