package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func numbered(n int) cwmp.DeviceID {
	return cwmp.DeviceID{OUI: "00D09E", ProductClass: "HG", SerialNumber: fmt.Sprint(n)}
}

// model is a timeline as one would write it without a thought of memory.
type model struct {
	most   int
	orders [2][]*modelDevice // the one that was written to last at the end
}

type modelDevice struct {
	key     key
	records [][]byte
	start   int // of the first record in its block
}

func (d *modelDevice) size() (n int) {
	for _, r := range d.records {
		n += lengthSize + len(r)
	}
	return n
}

func (d *modelDevice) blocks() int {
	if len(d.records) == 0 {
		return 0
	}
	return (d.start + d.size() + payload - 1) / payload
}

func (d *modelDevice) pop() {
	d.start = (d.start + lengthSize + len(d.records[0])) % payload
	if d.records = d.records[1:]; len(d.records) == 0 {
		d.start = 0
	}
}

func (m *model) all() []*modelDevice { return slices.Concat(m.orders[0], m.orders[1]) }

func (m *model) size() (n int) {
	for _, d := range m.all() {
		n += deviceCost + d.blocks()*blockSize
	}
	return n
}

func (m *model) place(d *modelDevice) {
	belongs := poor
	if d.size() > fairShare {
		belongs = rich
	}
	if slices.Contains(m.orders[belongs], d) {
		return
	}
	m.leave(d)
	m.orders[belongs] = append(m.orders[belongs], d)
}

func (m *model) leave(d *modelDevice) {
	for i := range m.orders {
		m.orders[i] = slices.DeleteFunc(m.orders[i], func(x *modelDevice) bool { return x == d })
	}
}

func (m *model) push(k key, record []byte) {
	d := &modelDevice{key: k}
	if all := m.all(); slices.ContainsFunc(all, func(x *modelDevice) bool { return x.key == k }) {
		d = all[slices.IndexFunc(all, func(x *modelDevice) bool { return x.key == k })]
	}
	for len(d.records) > 0 && (len(d.records) >= maxRecords || d.size()+lengthSize+len(record) > maxShare) {
		d.pop()
	}
	m.leave(d)
	m.place(d)
	grown := func() int {
		more := *d
		more.records = append(slices.Clone(d.records), record)
		return (more.blocks() - d.blocks()) * blockSize
	}
	for m.size()+grown() > m.most {
		victims := m.orders[rich]
		if len(victims) == 0 {
			victims = m.orders[poor]
		}
		v := victims[0]
		if len(v.records) == 0 {
			break
		}
		v.pop()
		if len(v.records) == 0 && v != d {
			m.leave(v)
		} else {
			m.place(v)
		}
	}
	d.records = append(d.records, record)
	m.place(d)
}

// TestTimeline_Model drives a timeline and its model with random records of random
// devices, some of them chatty, and compares all that both remember.
func TestTimeline_Model(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		most := []int{40 << 10, 100 << 10, 300 << 10, 700}[seed%4]
		tl, m := newTimeline(most), &model{most: most}
		devices, largest := 1+random.IntN(200), 20+random.IntN(2000)
		keys := make([]key, devices)
		for i := range keys {
			keys[i] = tl.key(numbered(i).Key())
		}
		for step := range 3000 {
			n := random.IntN(devices)
			if random.IntN(3) == 0 {
				n = random.IntN(1 + devices/20) // the chatty ones
			}
			size := 22 + random.IntN(largest)
			if random.IntN(100) == 0 {
				size = random.IntN(maxData)
			}
			record := bytes.Repeat([]byte{byte(step), byte(n)}, size/2+11)
			tl.push(keys[n], record)
			m.push(keys[n], record)
			if step%100 == 99 || step < 20 {
				compare(t, tl, m)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}

func compare(t *testing.T, tl *timeline, m *model) {
	t.Helper()
	records, blocks := 0, 0
	for _, d := range m.all() {
		n, known := tl.devices[d.key]
		if !known {
			t.Errorf("device %x with %d records is forgotten", d.key, len(d.records))
			continue
		}
		q := &tl.queues[n]
		r := reading{blocks: &tl.blocks, block: q.first, at: q.start}
		for i, want := range d.records {
			got := make([]byte, r.length())
			if r.read(got); !bytes.Equal(got, want) {
				t.Errorf("record %d of %d: %.20x, want %.20x", i, len(d.records), got, want)
			}
		}
		if int(q.records) != len(d.records) || q.held() != d.blocks() || len(d.records) == 0 {
			t.Errorf("%d records in %d blocks, want %d in %d", q.records, q.held(), len(d.records), d.blocks())
		}
		records, blocks = records+len(d.records), blocks+d.blocks()
	}
	if got := tl.count(); got.devices != len(m.all()) || got.records != records || got.bytes != m.size() || tl.blocks.used != blocks {
		t.Errorf("%+v and %d blocks, want %d, %d, %d and %d", got, tl.blocks.used, len(m.all()), records, m.size(), blocks)
	}
	if m.most > 2*maxShare && tl.size() > m.most {
		t.Errorf("%d bytes of %d", tl.size(), m.most)
	}
}

func TestTimeline_NewestFirst(t *testing.T) {
	j := newJournal(t, Config{})
	if got := j.Timeline(numbered(1), 0); got != nil {
		t.Errorf("%+v of an unknown device", got)
	}
	for n := range maxRecords + 10 {
		j.Publish(Event{At: time.Unix(int64(n), 7), Kind: KindInform, Device: numbered(1), ACS: "north", Text: fmt.Sprint(n), Data: &Inform{Rule: fmt.Sprint(n)}})
		j.Publish(Event{Kind: KindACS, ACS: "north"}) // of no device
	}
	j.Publish(Event{Kind: KindInform, Device: numbered(2)})
	got := j.Timeline(cwmp.DeviceID{Manufacturer: "any", OUI: "00D09E", ProductClass: "HG", SerialNumber: "1"}, 0)
	if len(got) != maxRecords {
		t.Fatalf("%d entries", len(got))
	}
	for i, e := range got {
		n := maxRecords + 9 - i
		var data Inform
		if err := json.Unmarshal(e.Data, &data); err != nil || data.Rule != fmt.Sprint(n) {
			t.Errorf("%s: %v", e.Data, err)
		}
		if e.Text != fmt.Sprint(n) || !e.At.Equal(time.Unix(int64(n), 7)) || e.Kind != KindInform || e.ACS != "north" || i > 0 && e.ID != got[i-1].ID-2 {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	if got := j.Timeline(numbered(1), 3); len(got) != 3 || got[0].Text != fmt.Sprint(maxRecords+9) {
		t.Errorf("%+v", got)
	}
	if got := j.Timeline(numbered(2), 1); len(got) != 1 || got[0].Data != nil {
		t.Errorf("%+v", got)
	}
}

// TestTimeline_ChattyOnesPushOutNobody: devices that tell much cost themselves.
func TestTimeline_ChattyOnesPushOutNobody(t *testing.T) {
	j := newJournal(t, Config{Memory: 1 << 20})
	const quiet, chatty = 500, 40
	for n := range quiet {
		j.Publish(Event{Kind: KindInform, Device: numbered(n), Text: "quiet"})
	}
	for range 200 {
		for n := range chatty {
			j.Publish(Event{Kind: KindInform, Device: numbered(quiet + n), Data: &Session{Error: string(bytes.Repeat([]byte("x"), 1000))}})
		}
		j.Flush()
	}
	for n := range quiet {
		if len(j.Timeline(numbered(n), 0)) != 1 {
			t.Fatalf("device %d was pushed out", n)
		}
	}
	for n := range chatty {
		if got := len(j.Timeline(numbered(quiet+n), 0)); got < 5 {
			t.Errorf("a chatty device has %d entries", got)
		}
	}
}
