package device

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

const benchDevices = 100_000

func benchID(i int) cwmp.DeviceID {
	return cwmp.DeviceID{
		Manufacturer: "Example Networks", OUI: fmt.Sprintf("00D0%02X", i%50), ProductClass: fmt.Sprintf("HG%03d", i%100),
		SerialNumber: fmt.Sprintf("SN%010d", i),
	}
}

func benchSighting(i int) Sighting {
	return Sighting{
		ID: benchID(i), ACS: "north", Rule: "default", Listener: "cpe",
		Source:               netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1024+i)),
		SoftwareVersion:      fmt.Sprintf("1.%d.0", i%20),
		ConnectionRequestURL: fmt.Sprintf("http://100.%d.%d.%d:7547/%08x", i>>16, i>>8&255, i&255, i*2654435761),
		Root:                 "InternetGatewayDevice.", Events: []string{cwmp.EventPeriodic}, At: time.Unix(1_800_000_000, 0),
	}
}

func benchRegistry(b *testing.B, devices int) *Registry {
	b.Helper()
	r, err := New(Config{}, Deps{Store: memstore.New(time.Now), Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	for i := range devices {
		r.NoteInform(benchSighting(i))
	}
	return r
}

func BenchmarkNoteInform(b *testing.B) {
	r := benchRegistry(b, benchDevices)
	sightings := make([]Sighting, benchDevices)
	for i := range sightings {
		sightings[i] = benchSighting(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		sightings[i].At = sightings[i].At.Add(time.Second)
		r.NoteInform(sightings[i])
		i = (i + 7919) % benchDevices
	}
}

func BenchmarkNoteNewDevice(b *testing.B) {
	r := benchRegistry(b, 0)
	b.ReportAllocs()
	in := benchSighting(0)
	i := 0
	for b.Loop() {
		if i%mostBenchDevices == 0 {
			b.StopTimer()
			r = benchRegistry(b, 0)
			b.StartTimer()
		}
		in.ID.SerialNumber = fmt.Sprintf("SN%010d", i)
		r.NoteInform(in)
		i++
	}
}

const mostBenchDevices = 1_000_000

func BenchmarkPlacement(b *testing.B) {
	r := benchRegistry(b, benchDevices)
	ids := make([]cwmp.DeviceID, benchDevices)
	for i := range ids {
		ids[i] = benchID(i)
	}
	if err := r.Assign(context.Background(), ids[0], "south", "bench", nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, current := r.Placement(ids[i]); current != "north" {
			b.Fatal("lost")
		}
		i = (i + 7919) % benchDevices
	}
}

func BenchmarkLookup(b *testing.B) {
	r := benchRegistry(b, benchDevices)
	ids := make([]cwmp.DeviceID, benchDevices)
	for i := range ids {
		ids[i] = benchID(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok := r.Lookup(ids[i]); !ok {
			b.Fatal("lost")
		}
		i = (i + 7919) % benchDevices
	}
}

// BenchmarkFlush writes 1000 devices at a time, encoding included.
func BenchmarkFlush(b *testing.B) {
	r := benchRegistry(b, benchDevices)
	if err := r.flush(b.Context(), func(int) bool { return true }); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		for range 1000 {
			r.NoteInform(benchSighting(i))
			i = (i + 7919) % benchDevices
		}
		if err := r.flush(b.Context(), func(int) bool { return true }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFind searches a million devices.
func BenchmarkFind(b *testing.B) {
	const million = 1_000_000
	r := benchRegistry(b, million)
	page, err := r.Find(b.Context(), Query{All: []Filter{{ProductClass: []string{"HG001"}}}, Limit: MaxLimit})
	if err != nil {
		b.Fatal(err)
	}
	none := func(ids []cwmp.DeviceID, keep []bool) { clear(keep) }
	for _, bm := range []struct {
		name string
		q    Query
	}{
		{"first page", Query{}},
		{"first page by last Inform", Query{Order: ByLastInform}},
		{"serial", Query{All: []Filter{{Serial: []string{"SN0000777777"}}}}},
		{"part of a serial", Query{All: []Filter{{Text: "0777777"}}}},
		{"identity", Query{All: []Filter{{Text: "00D01B-HG077-SN0000777777"}}}},
		{"address", Query{All: []Filter{{Text: "100.11.222."}}}},
		{"nothing", Query{All: []Filter{{Text: "nowhere"}}}},
		{"ACS and class", Query{All: []Filter{{ACS: []string{"north"}, ProductClass: []string{"HG001"}}}, After: page.Next, Limit: MaxLimit}},
		{"silent", Query{All: []Filter{{InformedBefore: time.Unix(1_700_000_000, 0)}}}},
		{"match", Query{Match: none}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Find(b.Context(), bm.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("by ACS", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.CountByACS(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
