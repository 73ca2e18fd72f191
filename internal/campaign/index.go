package campaign

// index finds the members of a device by the hash of its identity: an
// open-addressing table. A device that several campaigns know has one entry, that
// of the latest, from which links lead to the earlier ones. Entries are not
// removed; a table without some is a new one.
type index struct {
	table []entry
	count int
	// earlier has a link for each member of those campaigns, by slot, which have
	// a device of an earlier one.
	earlier map[uint32][]link
}

// entry is a member of a campaign; the zero value is empty.
type entry struct {
	hash uint32
	link
}

// link is a member of a campaign; the zero value is none.
type link struct {
	slot   uint32 // of the campaign, plus 1
	member uint32
}

// find returns the place of a device, or that of the empty entry that ends its
// probes. The table is not empty.
func (x *index) find(hash uint32, is func(entry) bool) (place uint32, found bool) {
	mask := uint32(len(x.table) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		e := x.table[i]
		if e.slot == 0 {
			return i, false
		}
		if e.hash == hash && is(e) {
			return i, true
		}
	}
}

// put enters a member in place of the one of the same device, if any, and returns
// that one.
func (x *index) put(e entry, is func(entry) bool) (before link) {
	if x.count*4 >= len(x.table)*3 {
		x.grow(2 * len(x.table))
	}
	place, found := x.find(e.hash, is)
	before = x.table[place].link
	x.table[place] = e
	if !found {
		x.count++
	}
	return before
}

// chain links a member to an earlier one of its device.
func (x *index) chain(of, earlier link, members int) {
	if x.earlier == nil {
		x.earlier = map[uint32][]link{}
	}
	links := x.earlier[of.slot]
	if links == nil {
		links = make([]link, members)
		x.earlier[of.slot] = links
	}
	links[of.member] = earlier
}

// before returns the next earlier member of the same device.
func (x *index) before(l link) link {
	if links := x.earlier[l.slot]; links != nil {
		return links[l.member]
	}
	return link{}
}

// grow makes room for a table of at least that length.
func (x *index) grow(length int) {
	size := 64
	for size < length {
		size *= 2
	}
	if size <= len(x.table) {
		return
	}
	old := x.table
	x.table = make([]entry, size)
	mask := uint32(size - 1)
	for _, e := range old {
		if e.slot == 0 {
			continue
		}
		i := e.hash & mask
		for x.table[i].slot != 0 {
			i = (i + 1) & mask
		}
		x.table[i] = e
	}
}
