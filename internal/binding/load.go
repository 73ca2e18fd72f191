package binding

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// prefix of the keys in the store; the device's string form follows.
const prefix = "binding/"

// version is the first byte of every value in the store. Later versions may
// append to what it stands for; readers leave that out.
const version = 1

var (
	errVersion   = errors.New("version is not known")
	errShort     = errors.New("value is too short")
	errForbidden = errors.New("value cannot be")
)

// encode appends a value of the store: the record without the identity, which is
// the key, but with our sockets' addresses in place of their numbers.
func encode(b []byte, st *state, locals []netip.AddrPort) []byte {
	b = append(b, version)
	for _, local := range [...]netip.AddrPort{locals[st.local], locals[st.candLocal]} {
		b = append(b, form(local.Addr()))
		b = appendAddress(b, form(local.Addr()), local.Addr(), local.Port(), true)
	}
	return st.append(b)
}

// decode reads what encode wrote. The texts of the state refer to the value; the
// sockets are for the caller to number.
func decode(value []byte) (st state, local, candLocal netip.AddrPort, err error) {
	r := reader{rest: value}
	if r.byte() != version {
		return st, local, candLocal, errVersion
	}
	local = r.addrPort(r.byte()&3, netip.AddrPort{})
	candLocal = r.addrPort(r.byte()&3, netip.AddrPort{})
	r.state(&st)
	st.local, st.candLocal = 0, 0
	switch {
	case r.short:
		return st, local, candLocal, errShort
	case st.evidence > Signed || st.candEvidence > Signed || st.evidence > None && !st.remote.IsValid() ||
		st.remote.IsValid() != local.IsValid() || st.candidate.IsValid() && (!candLocal.IsValid() || !st.remote.IsValid()):
		return st, local, candLocal, errForbidden
	}
	return st, local, candLocal, nil
}

// Load reads the table from the store. It is called once, before Run; devices
// that were noted before it stay as they are. Values that make no sense are left
// out, counted and logged once. An error means that the store could not be read
// to its end; what was read until then is known.
func (t *Table) Load(ctx context.Context) error {
	damaged, left := 0, 0
	var firstKey string
	var first error
	err := t.store.Scan(ctx, prefix, func(e store.Entry) error {
		switch why, damage := t.loadEntry(e); {
		case damage != nil:
			t.metrics.damaged.Inc()
			if damaged++; first == nil {
				firstKey, first = e.Key, damage
			}
		case why != "":
			t.metrics.refuse(why)
			left++
		}
		return nil
	})
	if damaged > 0 {
		t.log.Error("entries of the store make no sense and are left out",
			zap.Int("entries", damaged), zap.String("first", firstKey), zap.Error(first))
	}
	if left > 0 {
		t.log.Error("the store has more bindings than the table may hold: raise bindings.max",
			zap.Int("left_out", left), zap.Int("max", t.cfg.Max))
	}
	if err != nil {
		return fmt.Errorf("load bindings: %w", err)
	}
	return nil
}

func (t *Table) loadEntry(e store.Entry) (why reason, damage error) {
	id, err := cwmp.ParseDeviceID(e.Key[len(prefix):])
	if err != nil {
		return "", err
	}
	st, local, candLocal, err := decode(e.Value)
	if err != nil {
		return "", err
	}
	if !recordable(&id) {
		return refusedIdentity, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.find(&id); known {
		return "", nil
	}
	st.oui, st.class, st.serial = []byte(id.OUI), []byte(id.ProductClass), []byte(id.SerialNumber)
	var ok, candOK bool
	if st.local, ok = t.localNumber(local); !ok {
		return refusedLocal, nil
	}
	if st.candLocal, candOK = t.localNumber(candLocal); !candOK {
		return refusedLocal, nil
	}
	_, why = t.add(&st)
	return why, nil
}
