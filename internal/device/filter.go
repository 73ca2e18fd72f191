package device

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/search"
)

// filter is a Filter made ready for packed records: names are numbers, and what
// a text is found in is known for each name.
type filter struct {
	oui, class, software, acs, rule, listener list

	serials  map[string]struct{} // whole ones
	prefixes []string
	anySerial,
	failing bool

	text   search.Text
	inName nameBits // manufacturers, OUIs, product classes and versions that have the text
	cpes   *names
	// serialAlone says that the text is in no name and can be in no address: it can
	// be in serial numbers, and in the string form of identities.
	serialAlone bool

	after, before int64 // seconds that the last Inform is between
	stage         stage
}

// stage is how much of a record must be read.
type stage uint8

const (
	identityStage stage = iota
	routingStage        // ACS, rule and listener too
	wholeStage
)

func (t *tables) filter(f *Filter) (c filter) {
	ouis := make([]string, len(f.OUI))
	for i, oui := range f.OUI {
		ouis[i] = cwmp.NormalizeOUI(oui)
	}
	c.oui, c.class, c.software = t.cpes.listOf(ouis), t.cpes.listOf(f.ProductClass), t.cpes.listOf(f.SoftwareVersion)
	c.acs, c.rule, c.listener = t.ours.listOf(f.ACS), t.ours.listOf(f.Rule), t.ours.listOf(f.Listener)
	c.anySerial, c.failing, c.cpes = len(f.Serial) == 0, f.Failing, t.cpes
	c.serials = make(map[string]struct{})
	for _, s := range f.Serial {
		if prefix, ok := strings.CutSuffix(s, "*"); ok {
			c.prefixes = append(c.prefixes, prefix)
		} else {
			c.serials[s] = struct{}{}
		}
	}
	c.text = search.NewText(f.Text)
	if !c.text.Empty() {
		c.inName = t.cpes.bitsOf(c.text.InString)
		c.serialAlone = !c.inName.any() && !c.text.LikeAddress()
	}
	c.after, c.before = -1, math.MaxInt64
	if !f.InformedAfter.IsZero() {
		c.after = max(0, f.InformedAfter.Unix()) // 0 is that of devices that never did
	}
	if !f.InformedBefore.IsZero() {
		c.before = f.InformedBefore.Add(time.Second - 1).Unix() // rounded up
	}
	switch {
	case !c.text.Empty() || len(f.SoftwareVersion) > 0:
		c.stage = wholeStage
	case len(f.ACS) > 0 || len(f.Rule) > 0 || len(f.Listener) > 0:
		c.stage = routingStage
	}
	return c
}

// list is names one of which must be there; the zero list fits all.
type list struct {
	names  *names
	wanted []string
	bits   nameBits // of those that are wanted
}

func (n *names) listOf(wanted []string) list {
	if len(wanted) == 0 {
		return list{}
	}
	l := list{names: n, wanted: wanted}
	n.mu.RLock()
	defer n.mu.RUnlock()
	l.bits = newNameBits(len(n.numbers))
	for _, s := range wanted {
		if number, ok := n.numbers[s]; ok {
			l.bits.set(number)
		}
	}
	return l
}

func (l *list) has(t *text) bool { return l.wanted == nil || l.hasOne(t) }

func (l *list) hasOne(t *text) bool {
	if t.name == 0 {
		for _, s := range l.wanted {
			if string(t.own) == s {
				return true
			}
		}
		return false
	}
	if number := t.name - 1; number < l.bits.known {
		return l.bits.has(number)
	}
	return l.hasString(l.names.at(t.name - 1))
}

func (l *list) hasString(s string) bool { return l.wanted == nil || slices.Contains(l.wanted, s) }

// nameBits is a bit for each name that was known when it was made.
type nameBits struct {
	known uint32
	words []uint64
}

func newNameBits(known int) nameBits { return nameBits{uint32(known), make([]uint64, (known+63)/64)} }

func (b *nameBits) set(n uint32)      { b.words[n/64] |= 1 << (n % 64) }
func (b *nameBits) has(n uint32) bool { return b.words[n/64]&(1<<(n%64)) != 0 }

func (b *nameBits) any() bool {
	return slices.ContainsFunc(b.words, func(word uint64) bool { return word != 0 })
}

// bitsOf returns which names fit.
func (n *names) bitsOf(fits func(string) bool) nameBits {
	list := *n.list.Load()
	bits := newNameBits(len(list))
	for i, s := range list {
		if fits(s) {
			bits.set(uint32(i))
		}
	}
	return bits
}

// in reports whether the text that is looked for is in one of a record.
func (f *filter) in(t *text) bool {
	if number := t.name - 1; number < f.inName.known { // name 0 becomes the highest number
		return f.inName.has(number)
	}
	return f.inOther(t)
}

func (f *filter) inOther(t *text) bool {
	if t.name == 0 {
		return f.text.In(t.own)
	}
	return f.text.InString(f.cpes.at(t.name - 1))
}

func (f *filter) hasSerial(serial []byte) bool {
	if f.anySerial {
		return true
	}
	if _, ok := f.serials[string(serial)]; ok {
		return true
	}
	for _, prefix := range f.prefixes {
		if len(serial) >= len(prefix) && string(serial[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}
