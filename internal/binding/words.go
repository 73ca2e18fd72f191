package binding

// String says the evidence as operators read it.
func (e Evidence) String() string {
	switch e {
	case Named:
		return "user name alone"
	case Alone:
		return "only device at its address"
	case SameIP:
		return "user name and address of its session"
	case Reported:
		return "address that it reported"
	case Signed:
		return "signature"
	case None:
	}
	return "nothing"
}

// String says what the NAT seems to do.
func (k Kind) String() string {
	switch k {
	case KindOpen:
		return "none"
	case KindNAT:
		return "keeps its mapping"
	case KindPerPeer:
		return "symmetric"
	case KindUnstable:
		return "unstable"
	case KindUnknown:
	}
	return "unknown"
}
