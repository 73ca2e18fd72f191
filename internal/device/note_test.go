package device

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

// diff compares records; addresses have fields of their own.
func diff(want, got Record) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmpopts.EquateEmpty())
}

func TestNoteInform(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	if _, ok := f.Lookup(id); ok || f.Len() != 0 {
		t.Error("a device is known before it was seen")
	}
	first := sighting(id)
	f.NoteInform(first)
	want := Record{
		ID: id, CurrentACS: "north", Rule: "default", Listener: "cpe", Source: first.Source,
		Local:           netip.MustParseAddr("203.0.113.7"),
		SoftwareVersion: "1.0", ConnectionRequestURL: first.ConnectionRequestURL,
		UDPConnectionRequestAddress: first.UDPConnectionRequestAddress, Root: "Device.",
		FirstSeen: time.Unix(1_800_000_000, 0).UTC(), LastInform: time.Unix(1_800_000_000, 0).UTC(),
		LastEvents: []string{cwmp.EventPeriodic}, Sessions: 1,
	}
	if d := diff(want, f.mustLookup(t, id)); d != "" {
		t.Errorf("after the first Inform (-want +got):\n%s", d)
	}

	f.NoteInform(Sighting{
		ID: id, ACS: "south", Source: netip.MustParseAddrPort("[2001:db8::1]:7"),
		Events: []string{cwmp.EventBoot, "X 00D09E Odd", cwmp.EventMReboot}, At: time.Unix(1_800_000_100, 5),
	})
	want.CurrentACS, want.Source, want.Sessions = "south", netip.MustParseAddrPort("[2001:db8::1]:7"), 2
	want.LastInform, want.LastEvents = time.Unix(1_800_000_100, 0).UTC(), []string{cwmp.EventBoot, cwmp.EventMReboot, "X"}
	if d := diff(want, f.mustLookup(t, id)); d != "" {
		t.Errorf("an Inform that tells little must leave the rest (-want +got):\n%s", d)
	}
	if assigned, current := f.Placement(id); assigned != "" || current != "south" {
		t.Errorf("placement %q, %q", assigned, current)
	}
	if f.Len() != 1 {
		t.Errorf("%d devices, want 1", f.Len())
	}
}

func TestNoteInformWithoutTimeIsNow(t *testing.T) {
	f := newMemory(t)
	in := sighting(numberedID(1))
	in.At = time.Time{}
	began := time.Now().Truncate(time.Second)
	f.NoteInform(in)
	if rec := f.mustLookup(t, in.ID); rec.LastInform.Before(began) || rec.LastInform.After(time.Now()) {
		t.Errorf("last Inform %v, want now", rec.LastInform)
	}
}

func TestNoteEnd(t *testing.T) {
	f := newMemory(t)
	id := numberedID(1)
	f.NoteEnd(id, End{Failed: true})
	if f.Len() != 0 {
		t.Error("the end of a session made a device known")
	}
	f.NoteInform(sighting(id))
	for _, end := range []End{{}, {Failed: true}, {Faults: 2}, {Failed: true, Faults: 1}} {
		f.NoteEnd(id, end)
	}
	if rec := f.mustLookup(t, id); rec.Sessions != 1 || rec.Failed != 2 || rec.Faults != 3 {
		t.Errorf("sessions %d, failed %d, faults %d; want 1, 2, 3", rec.Sessions, rec.Failed, rec.Faults)
	}
}

// Identities that differ in any part, or by where one part ends and the next
// begins, are different devices, in memory and in the store.
func TestC53_IdentitiesAreNotMixed(t *testing.T) {
	ids := []cwmp.DeviceID{
		{OUI: "00D09E", ProductClass: "A", SerialNumber: "1"}, {OUI: "00D09E", ProductClass: "B", SerialNumber: "1"},
		{OUI: "00D09F", ProductClass: "A", SerialNumber: "1"}, {OUI: "00D09E", SerialNumber: "1"},
		{OUI: "00D09E", ProductClass: "1"}, {ProductClass: "A", SerialNumber: "1"}, {SerialNumber: "1"},
		{OUI: "00D09E", SerialNumber: "A-1"}, {OUI: "00D09E", ProductClass: "A-1"}, {OUI: "00D09E", ProductClass: "A", SerialNumber: "1-1"},
		{OUI: "00D09E", SerialNumber: "a b"}, {OUI: "00D09E", SerialNumber: "a%20b"}, {OUI: "00D09E", SerialNumber: "a/b"},
		{OUI: "00D09E", SerialNumber: "/64:68:0c:00"}, {OUI: "00D09E", SerialNumber: "ä"}, {OUI: "00D09E", SerialNumber: "\xff\x00"},
		{OUI: "VENDOR", SerialNumber: "1"}, {OUI: "00D09E", SerialNumber: "sn"}, {OUI: "00D09E", SerialNumber: "SN"},
		{OUI: "00D09E", SerialNumber: strings.Repeat("9", maxIdentityPart)},
	}
	f := newMemory(t)
	for i, id := range ids {
		for range i + 1 {
			f.NoteInform(sighting(id))
		}
	}
	f.flushAll(t)
	for _, r := range []*fixture{f, f.reload(t)} {
		if r.Len() != len(ids) {
			t.Errorf("%d devices, want %d", r.Len(), len(ids))
		}
		for i, id := range ids {
			if rec := r.mustLookup(t, id); rec.Sessions != uint32(i+1) || rec.ID != id {
				t.Errorf("%q has %d sessions as %q, want %d", id, rec.Sessions, rec.ID, i+1)
			}
		}
	}
	// The manufacturer takes no part.
	other := ids[0]
	other.Manufacturer = "Other"
	f.NoteInform(sighting(other))
	if rec := f.mustLookup(t, ids[0]); rec.Sessions != 2 || rec.ID.Manufacturer != "Other" {
		t.Errorf("another manufacturer's name: %d sessions of %q", rec.Sessions, rec.ID.Manufacturer)
	}
}

func TestWhatIsNoIdentityIsRefused(t *testing.T) {
	f := newMemory(t)
	long := strings.Repeat("9", maxIdentityPart+1)
	most := strings.Repeat("/", maxIdentityPart)
	bad := []cwmp.DeviceID{
		{}, {ProductClass: "A"}, {OUI: long}, {ProductClass: long, SerialNumber: "1"}, {SerialNumber: long},
		{OUI: most, ProductClass: most, SerialNumber: most}, // too long as a key
	}
	for _, id := range bad {
		f.NoteInform(sighting(id))
		if _, ok := f.Lookup(id); ok {
			t.Errorf("%q is recorded", id)
		}
		if err := f.Assign(t.Context(), id, "south", "test", nil); err == nil {
			t.Errorf("%q is assigned", id)
		}
	}
	f.wantMetric(t, "acsgate_devices_refused_total", "identity", float64(len(bad)))
	if f.Len() != 0 {
		t.Errorf("%d devices, want none", f.Len())
	}
}

func TestTextsThatAreTooLongAreLeftOut(t *testing.T) {
	f := newMemory(t)
	in := sighting(numberedID(1))
	f.NoteInform(in)
	before := f.mustLookup(t, in.ID)
	long := strings.Repeat("x", maxURL+1)
	f.NoteInform(Sighting{
		ID: in.ID, ACS: long, Rule: long, Listener: long, SoftwareVersion: long, ConnectionRequestURL: long,
		UDPConnectionRequestAddress: long, Root: long, Events: in.Events, At: in.At,
	})
	before.Sessions++
	if d := diff(before, f.mustLookup(t, in.ID)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// largest is a sighting with everything as long as it may be.
func largest(serial string) Sighting {
	text := func(c string) string { return strings.Repeat(c, maxText) }
	return Sighting{
		ID: cwmp.DeviceID{
			Manufacturer: text("m"), OUI: strings.Repeat("O", 20), ProductClass: strings.Repeat("p", maxIdentityPart),
			SerialNumber: serial,
		},
		ACS: text("a"), Rule: text("r"), Listener: text("l"), Source: netip.MustParseAddrPort("[2001:db8::1]:65535"),
		SoftwareVersion: text("s"), ConnectionRequestURL: strings.Repeat("u", maxURL), UDPConnectionRequestAddress: text("d"),
		Root: text("t"), Events: eventTable[:],
	}
}

func TestLargestRecord(t *testing.T) {
	own := func(n int) text { return text{own: make([]byte, n)} }
	id, name := own(maxIdentityPart), own(maxText)
	st := state{
		oui: id, class: id, serial: id, home: name, reason: name, revision: 1<<64 - 1, assigned: 1<<32 - 1,
		acs: name, rule: name, listener: name, local: own(maxAddr), manufacturer: name, software: name, root: name, url: own(maxURL), udp: name,
		source: netip.MustParseAddrPort("[2001:db8::1]:1"), first: 1, last: 1, events: 1<<32 - 1,
		sessions: 1<<32 - 1, failed: 1<<32 - 1, faults: 1<<32 - 1,
	}
	if n := len(st.append(nil)); n > maxSlot {
		t.Errorf("the largest record has %d bytes, but slots have %d", n, maxSlot)
	}
	f := newMemory(t)
	in := largest(strings.Repeat("n", maxIdentityPart))
	f.NoteInform(in)
	if err := f.Assign(t.Context(), in.ID, strings.Repeat("h", maxText), strings.Repeat("w", maxText), nil); err != nil {
		t.Fatal(err)
	}
	f.flushAll(t)
	if d := diff(f.mustLookup(t, in.ID), f.reload(t).mustLookup(t, in.ID)); d != "" {
		t.Errorf("after a restart (-want +got):\n%s", d)
	}
}

// The shared names run out: everything goes on, only with more memory.
func TestNamesRunOut(t *testing.T) {
	f := newMemory(t)
	for i := range maxNames {
		f.tables.cpes.number(fmt.Sprint("made up ", i))
	}
	in := sighting(numberedID(1))
	f.NoteInform(in)
	f.NoteInform(in)
	rec := f.mustLookup(t, in.ID)
	if rec.SoftwareVersion != "1.0" || rec.ID != in.ID || rec.Sessions != 2 || f.Len() != 1 {
		t.Errorf("record %+v of %d devices", rec, f.Len())
	}
	f.flushAll(t)
	if d := diff(rec, f.reload(t).mustLookup(t, in.ID)); d != "" {
		t.Errorf("after a restart (-want +got):\n%s", d)
	}
}

func TestRegistryIsBounded(t *testing.T) {
	f := newFixture(t, Config{MaxDevices: 10}, memstore.New(time.Now))
	for i := range 25 {
		f.NoteInform(sighting(numberedID(i)))
	}
	if f.Len() != 10 {
		t.Errorf("%d devices, want 10", f.Len())
	}
	f.wantMetric(t, "acsgate_devices", "", 10)
	f.wantMetric(t, "acsgate_devices_refused_total", "full", 15)
	f.NoteInform(sighting(numberedID(3)))
	if rec := f.mustLookup(t, numberedID(3)); rec.Sessions != 2 {
		t.Error("a device that is known is not updated when the registry is full")
	}
	if err := f.Assign(t.Context(), numberedID(99), "south", "test", nil); err == nil {
		t.Error("a device was assigned that there is no room for")
	}
	if err := f.Assign(t.Context(), numberedID(3), "south", "test", nil); err != nil {
		t.Errorf("assign of a device that is known: %v", err)
	}
}

// Made-up devices with everything as long as it may be use up the memory before
// the number of devices.
func TestMemoryIsBounded(t *testing.T) {
	const devices = 1000
	f := newFixture(t, Config{MaxDevices: devices}, memstore.New(time.Now))
	small := sighting(numberedID(0))
	f.NoteInform(small)
	for i := range devices {
		in := largest(fmt.Sprint("made up ", i))
		in.SoftwareVersion = fmt.Sprint(strings.Repeat("s", 90), i)
		f.NoteInform(in)
	}
	if n := f.Len(); n < devices/10 || n > devices/2 {
		t.Errorf("%d of %d large devices are recorded", n, devices)
	}
	if used := f.limits.bytes.Load(); used > devices*slotBudget {
		t.Errorf("records take %d bytes, want at most %d", used, devices*slotBudget)
	}
	// A known device does not grow, but is otherwise as ever.
	before := f.mustLookup(t, small.ID)
	grown := small
	grown.ConnectionRequestURL = strings.Repeat("u", maxURL)
	f.NoteInform(grown)
	if rec := f.mustLookup(t, small.ID); rec.ConnectionRequestURL != before.ConnectionRequestURL {
		t.Error("a device grew beyond the limit")
	}
	if f.metric(t, "acsgate_devices_refused_total", "memory") < devices/2 {
		t.Error("what was refused is not counted")
	}
	f.NoteInform(small)
	if rec := f.mustLookup(t, small.ID); rec.Sessions != before.Sessions+1 {
		t.Error("a device that does not grow is not updated")
	}
	if err := f.Assign(t.Context(), small.ID, strings.Repeat("h", maxText), "test", nil); err != nil || f.Assigned(small.ID) == "" {
		t.Errorf("an assignment needs no room: %v", err)
	}
}

func TestAll(t *testing.T) {
	const devices = 1000
	f := newMemory(t)
	for i := range devices {
		f.NoteInform(sighting(numberedID(i)))
	}
	var serials []string
	for rec := range f.All() {
		serials = append(serials, rec.ID.SerialNumber)
		f.NoteInform(sighting(rec.ID)) // no lock is held meanwhile
	}
	slices.Sort(serials)
	if len(serials) != devices || len(slices.Compact(serials)) != devices {
		t.Errorf("%d records, %d different ones; want %d", len(serials), len(slices.Compact(serials)), devices)
	}
	n := 0
	for range f.All() {
		if n++; n == 100 {
			break
		}
	}
	if n != 100 {
		t.Errorf("stopped after %d records, want 100", n)
	}
}

func TestFastPathsDoNotAllocate(t *testing.T) {
	f := newMemory(t)
	in := sighting(numberedID(1))
	f.NoteInform(in)
	if err := f.Assign(t.Context(), in.ID, "south", "test", nil); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(){
		"NoteInform": func() { f.NoteInform(in) },
		"NoteEnd":    func() { f.NoteEnd(in.ID, End{Failed: true}) },
		"Placement":  func() { f.Placement(in.ID) },
		"Assigned":   func() { f.Assigned(in.ID) },
	} {
		if n := testing.AllocsPerRun(100, do); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestEventsKeepTheirBits(t *testing.T) {
	for i, code := range eventTable {
		if set := newEventSet([]string{code}); set != 1<<i || !slices.Equal(set.codes(), []string{code}) {
			t.Errorf("%s is %#x, read as %q", code, set, set.codes())
		}
	}
	// What is stored must be read alike for ever.
	if newEventSet([]string{"6 CONNECTION REQUEST", "M Reboot", "X 00D09E A", "99 OTHER"}) != 1<<6|1<<15|1<<31 {
		t.Error("the bits of events have changed")
	}
	if len(eventTable) >= 31 {
		t.Error("the table has no room for the bit of other events")
	}
}

func TestConfig(t *testing.T) {
	var c Config
	c.SetDefaults()
	if c.FlushInterval != time.Second || c.MaxDevices != 2_000_000 {
		t.Errorf("defaults %+v", c)
	}
	c.Validate(func(key, value, problem string) { t.Errorf("default %s: %q %s", key, value, problem) })
	for _, bad := range []Config{
		{FlushInterval: time.Millisecond, MaxDevices: -1}, {FlushInterval: time.Hour, MaxDevices: mostDevices + 1},
	} {
		found := map[string]string{}
		bad.Validate(func(key, value, problem string) { found[key] = value })
		if len(found) != 2 || found["flush_interval"] != bad.FlushInterval.String() || found["max_devices"] != fmt.Sprint(bad.MaxDevices) {
			t.Errorf("%+v has problems %v", bad, found)
		}
	}
}
