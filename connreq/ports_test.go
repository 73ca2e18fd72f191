package connreq

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

func cpeNumber(n int) cwmp.DeviceID {
	return cwmp.DeviceID{OUI: "00D09E", SerialNumber: fmt.Sprint(n)}
}

// openPorts are ports that have read the store, and a function that stops their
// writing.
func openPorts(t *testing.T, s store.Store, ports string) (*Ports, func()) {
	t.Helper()
	p, err := NewPorts(ports, s, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return p, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestPorts_StableAcrossRestarts(t *testing.T) {
	s := memstore.New(time.Now)
	first, stop := openPorts(t, s, "20000-20009")
	given := map[uint16]cwmp.DeviceID{}
	for n := range 5 {
		port, ok := first.Port(cpeNumber(n))
		if again, _ := first.Port(cpeNumber(n)); !ok || again != port || port < 20000 || port > 20009 {
			t.Fatalf("device %d: %d, %d, %v", n, port, again, ok)
		}
		given[port] = cpeNumber(n)
	}
	if len(given) != 5 {
		t.Fatalf("two devices share a port: %v", given)
	}
	stop()
	second, stop := openPorts(t, s, "20000-20009")
	defer stop()
	for port, id := range given {
		if got, ok := second.Device(port); !ok || got != id {
			t.Errorf("port %d is of %v, want %v", port, got, id)
		}
		if got, ok := second.Port(id); !ok || got != port {
			t.Errorf("device %v has %d, want %d", id, got, port)
		}
	}
	if port, ok := second.Port(cpeNumber(9)); !ok || given[port] != (cwmp.DeviceID{}) {
		t.Errorf("a new device has %d, which is of %v", port, given[port])
	}
}

func TestPorts_RangeUsedUp(t *testing.T) {
	p, stop := openPorts(t, memstore.New(time.Now), "65534-65535")
	defer stop()
	for n := range 2 {
		if _, ok := p.Port(cpeNumber(n)); !ok {
			t.Fatalf("device %d has none", n)
		}
	}
	if port, ok := p.Port(cpeNumber(2)); ok || port != 0 {
		t.Errorf("the third device has %d", port)
	}
	if used, exhausted := p.used(); used != 2 || exhausted != 1 {
		t.Errorf("used %d, exhausted %d", used, exhausted)
	}
	if id, _ := p.Device(65534); id != cpeNumber(0) {
		t.Errorf("the first port went to %v", id)
	}
}

func TestPorts_NoneBeforeTheyAreRead(t *testing.T) {
	p, err := NewPorts("20000-20009", memstore.New(time.Now), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if port, ok := p.Port(cpeNumber(1)); ok {
		t.Errorf("gave %d, which may be another's", port)
	}
}

// fullStore fails to write, until it is told not to.
type fullStore struct {
	store.Store
	full bool
}

func (s *fullStore) PutMany(ctx context.Context, writes []store.Write) error {
	if s.full {
		return errors.New("disk is full")
	}
	return s.Store.PutMany(ctx, writes)
}

func TestPorts_FullDiskLosesNothingAndIsToldOnce(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	s := &fullStore{memstore.New(time.Now), true}
	p, err := NewPorts("1-65535", s, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range store.MaxWrites + 10 {
		if _, ok := p.Port(cpeNumber(n)); !ok {
			t.Fatal("no port")
		}
	}
	p.flush(t.Context())
	p.flush(t.Context())
	if logs.Len() != 1 {
		t.Errorf("%d lines for a disk that stays full", logs.Len())
	}
	s.full = false
	p.flush(t.Context())
	stored := 0
	if err := s.Scan(t.Context(), portPrefix, func(store.Entry) error { stored++; return nil }); err != nil || stored != store.MaxWrites+10 {
		t.Errorf("%d are stored, %v", stored, err)
	}
}

func TestPorts_DamageAndOtherRanges(t *testing.T) {
	s := memstore.New(time.Now)
	for key, value := range map[string]string{"x": "00D09E-1", "20001": "", "20002": "00D09E-2", "30000": "00D09E-3"} {
		if _, err := s.Put(t.Context(), portPrefix+key, []byte(value), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	p, stop := openPorts(t, s, "20000-20009")
	defer stop()
	if id, ok := p.Device(20002); !ok || id != cpeNumber(2) {
		t.Errorf("port 20002 is of %v", id)
	}
	if used, _ := p.used(); used != 1 {
		t.Errorf("%d ports were read, want 1", used)
	}
	if _, err := s.Get(t.Context(), portPrefix+"30000"); err != nil {
		t.Errorf("the port of another range is gone: %v", err)
	}
}

func TestParsePorts(t *testing.T) {
	for s, want := range map[string][2]uint16{
		"20000-29999": {20000, 29999}, "1-65535": {1, 65535}, "7 - 7": {7, 7},
		"": {}, "1": {}, "0-1": {}, "2-1": {}, "1-65536": {}, "a-b": {}, "-1-5": {},
	} {
		first, last, err := parsePorts(s)
		if got := [2]uint16{first, last}; got != want || (err == nil) != (want[0] != 0) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}
