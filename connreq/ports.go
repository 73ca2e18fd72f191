package connreq

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

const (
	portPrefix = "relayport/" // of the store's keys; the port follows, the value is the device
	portFlush  = time.Second  // how long an allocation may be in memory alone
)

// Ports gives each device one port of the relay, for good: an ACS may keep an
// UDPConnectionRequestAddress for years, and must never reach another device with
// it. When the range is used up, further devices have none and the ACS sees their
// own address. Its methods may be called from many goroutines and do not block.
type Ports struct {
	first, last uint16
	store       store.Store
	log         *zap.Logger

	mu        sync.RWMutex
	loaded    bool
	devices   map[uint16]cwmp.DeviceID
	ports     map[cwmp.Key]uint16
	next      uint16
	dirty     []uint16
	exhausted uint64 // tries of devices that got none

	failing bool // of Run alone: the last write failed
}

// NewPorts returns the ports of a range such as "20000-29999". It gives out none
// before Load.
func NewPorts(ports string, s store.Store, log *zap.Logger) (*Ports, error) {
	first, last, err := parsePorts(ports)
	if err != nil {
		return nil, errors.New("ports \"" + ports + "\" " + err.Error())
	}
	return &Ports{first: first, last: last, next: first, store: s, log: log,
		devices: map[uint16]cwmp.DeviceID{}, ports: map[cwmp.Key]uint16{}}, nil
}

// Load reads what was given out before. Ports of another range than the present
// one keep their devices in the store, should the range come back.
func (p *Ports) Load(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	damaged := 0
	err := p.store.Scan(ctx, portPrefix, func(e store.Entry) error {
		port, err := strconv.ParseUint(strings.TrimPrefix(e.Key, portPrefix), 10, 16)
		id, idErr := cwmp.ParseDeviceID(string(e.Value))
		if err != nil || idErr != nil {
			damaged++
			return nil
		}
		if n := uint16(port); p.first <= n && n <= p.last {
			p.set(n, id)
		}
		return nil
	})
	if damaged > 0 {
		p.log.Warn("ports of the relay cannot be read and are given out anew", zap.Int("count", damaged))
	}
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		return err
	}
	p.loaded = true
	return nil
}

// Port returns the port of a device, and gives it one if it has none yet. It is
// false when the range is used up.
func (p *Ports) Port(id cwmp.DeviceID) (port uint16, ok bool) {
	p.mu.RLock()
	port, ok = p.ports[id.Key()]
	p.mu.RUnlock()
	if ok {
		return port, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if port, ok = p.ports[id.Key()]; ok {
		return port, true
	}
	port, ok = p.free()
	if !ok {
		p.exhausted++
		return 0, false
	}
	p.set(port, id)
	p.dirty = append(p.dirty, port)
	return port, true
}

// Device returns the device that has a port.
func (p *Ports) Device(port uint16) (id cwmp.DeviceID, ok bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	id, ok = p.devices[port]
	return id, ok
}

// Run writes what is given out to the store, within a second and once more at the
// end, until ctx is done.
func (p *Ports) Run(ctx context.Context) error {
	tick := time.NewTicker(portFlush)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			p.flush(last)
			return nil
		case <-tick.C:
			p.flush(ctx)
		}
	}
}

func (p *Ports) free() (port uint16, ok bool) {
	if !p.loaded || len(p.devices) > int(p.last-p.first) {
		return 0, false
	}
	for {
		port = p.next
		if p.next++; port == p.last {
			p.next = p.first
		}
		if _, used := p.devices[port]; !used {
			return port, true
		}
	}
}

func (p *Ports) set(port uint16, id cwmp.DeviceID) {
	p.devices[port], p.ports[id.Key()] = id, port
}

// flush writes what is new. What cannot be written stays for the next time, and is
// told once.
func (p *Ports) flush(ctx context.Context) {
	for {
		writes := p.unwritten()
		if len(writes) == 0 {
			return
		}
		err := p.store.PutMany(ctx, writes)
		if err != nil {
			if ctx.Err() == nil && !p.failing {
				p.failing = true
				p.log.Error("ports of the relay cannot be written; after a restart devices may get others", zap.Error(err))
			}
			return
		}
		p.failing = false
		p.mu.Lock()
		p.dirty = append([]uint16(nil), p.dirty[len(writes):]...)
		p.mu.Unlock()
	}
}

func (p *Ports) unwritten() []store.Write {
	p.mu.RLock()
	defer p.mu.RUnlock()
	dirty := p.dirty[:min(len(p.dirty), store.MaxWrites)]
	writes := make([]store.Write, 0, len(dirty))
	for _, port := range dirty {
		id := p.devices[port]
		writes = append(writes, store.Write{Key: portPrefix + strconv.Itoa(int(port)), Value: []byte(id.String())})
	}
	return writes
}

// used returns how many ports are given out, and how many devices were refused.
func (p *Ports) used() (ports int, exhausted uint64) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.devices), p.exhausted
}

// parsePorts reads a range such as "20000-29999".
func parsePorts(s string) (first, last uint16, err error) {
	low, high, ok := strings.Cut(s, "-")
	from, fromErr := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
	to, toErr := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
	switch {
	case !ok || fromErr != nil || toErr != nil || from == 0:
		return 0, 0, errors.New(`is not a range of ports such as "20000-29999"`)
	case from > to:
		return 0, 0, errors.New("ends before it begins")
	}
	return uint16(from), uint16(to), nil
}
