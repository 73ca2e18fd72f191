package policy

// failover finds the place of a session whose home has a backup. Whether the
// sessions of an ACS are away, at its backup, is a fact of the snapshot and not
// concluded from states here: it changes with hysteresis (relocate.go).
func (d *Decision) failover(home *target, current string, s *Snapshot) {
	h, b := s.entry(home.name), s.entry(home.backup)
	switch {
	case h.Away:
		d.toBackup(home, h)
		d.Trial = !home.probed && (h.State == Down || h.State == Recovering)
		d.because(away(home, h, b, s))
	case h.State == Down:
		d.orBackup(home, b)
		d.because(kept(home, h, b, s))
	case home.returnPerSecond > 0 && current == home.backup && b.State != Down:
		d.toBackup(home, h)
		d.Return = true
		d.because(home.name + " takes " + text(home.returnPerSecond) + " devices a second back, until then backup " + home.backup)
	default:
		d.orBackup(home, b)
	}
}

// toBackup sends the session to the backup, or home if that does not answer.
func (d *Decision) toBackup(home *target, h *entry) {
	d.ACS = home.backup
	if h.State != Down {
		d.Fallback = home.name
	}
}

// orBackup sends the session home, or to the backup if that does not answer.
func (d *Decision) orBackup(home *target, b *entry) {
	if b.State != Down {
		d.Fallback = home.backup
	}
}

// away says why a session goes to the backup.
func away(home *target, h, b *entry, s *Snapshot) string {
	switch {
	case s.AllDown():
		return "every ACS looks down: keep " + home.backup
	case h.State == Down && b.State == Down:
		return h.text + ", and its backup too: keep " + home.backup
	}
	return h.text + ", backup " + home.backup
}

// kept says why a session goes to an ACS that is down.
func kept(home *target, h, b *entry, s *Snapshot) string {
	switch {
	case s.AllDown():
		return "every ACS looks down: keep " + home.name
	case b.State == Down:
		return h.text + ", and its backup " + home.backup + " too: keep " + home.name
	}
	return h.text + ", its backup " + home.backup + " is " + b.State.String() + " and comes second"
}
