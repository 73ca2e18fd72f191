package simnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// STUNReplyRules is how strictly a client reads the server's replies.
type STUNReplyRules struct {
	Max           int  // longest reply that fits its buffer, bytes; 0 for no limit
	MappedFirst   bool // its loop never comes past the first attribute of a response
	ErrorFirst    bool // nor past that of an error
	Aligned       bool // it does not skip padding between attributes
	NeedAll       bool // MAPPED-, SOURCE- and CHANGED-ADDRESS, or it aborts
	NeedReflected bool // REFLECTED-FROM in the answer to a RESPONSE-ADDRESS
	NoUnknown     bool // an unknown mandatory attribute spoils the message (S-22)
	OldXOR        bool // it prefers 0x8020, under the first bytes of its own id
	NoErrors      bool // it cannot read errors at all
	Signed        bool // it ignores an unsigned reply to a signed request
	NeverSigned   bool // so it does, and it takes no signature for good (S-06)
}

// stunReply is what a client has understood.
type stunReply struct {
	mapped    netip.AddrPort
	reflected bool
	code      int // of an error, else 0
}

// read understands a reply to the request with that id. signedBy is the key of
// a signed request, "" for others. An error says why the client is not served.
func (p *STUNProfile) read(raw []byte, id [16]byte, signedBy string) (stunReply, error) {
	r := &p.Reply
	if r.Max > 0 && len(raw) > r.Max {
		return stunReply{}, fmt.Errorf("%d bytes do not fit the client's buffer of %d", len(raw), r.Max)
	}
	m, err := parseSTUN(raw, r.Aligned)
	if err != nil {
		return stunReply{}, err
	}
	if m.id != id {
		return stunReply{}, errors.New("transaction id of another request")
	}
	switch m.kind {
	case stunBindingError:
		return r.readError(m)
	case stunBindingResponse:
		if err := r.checkResponse(m); err != nil {
			return stunReply{}, err
		}
	default:
		return stunReply{}, fmt.Errorf("message type 0x%04x is no binding response", m.kind)
	}
	if signedBy != "" {
		switch {
		case r.NeverSigned:
			return stunReply{}, errors.New("client takes no signature for good")
		case r.Signed && !p.Integrity.verify(m, signedBy):
			return stunReply{}, errors.New("reply to a signed request is not signed in the client's own way")
		}
	}
	reply := stunReply{}
	if reply.mapped, err = r.mapped(m); err != nil {
		return stunReply{}, err
	}
	_, reply.reflected = m.get(stunReflectedFrom)
	return reply, nil
}

func (r *STUNReplyRules) readError(m *stunMessage) (stunReply, error) {
	if r.NoErrors {
		return stunReply{}, errors.New("client cannot read errors")
	}
	if r.ErrorFirst && (len(m.attrs) == 0 || m.attrs[0].kind != stunErrorCode) {
		return stunReply{}, errors.New("ERROR-CODE is not the first attribute: client hangs")
	}
	a, ok := m.get(stunErrorCode)
	if code := a.errorCode(); ok && code != 0 {
		return stunReply{code: code}, nil
	}
	return stunReply{}, errors.New("error without ERROR-CODE")
}

func (r *STUNReplyRules) checkResponse(m *stunMessage) error {
	if r.MappedFirst && (len(m.attrs) == 0 || m.attrs[0].kind != stunMappedAddress) {
		return errors.New("MAPPED-ADDRESS is not the first attribute: client hangs")
	}
	if r.NeedAll {
		for _, kind := range []uint16{stunMappedAddress, stunSourceAddress, stunChangedAddress} {
			if _, ok := m.get(kind); !ok {
				return fmt.Errorf("attribute 0x%04x is missing: client aborts", kind)
			}
		}
	}
	for _, a := range m.attrs {
		if r.NoUnknown && a.kind > stunReflectedFrom && a.kind < 0x8000 {
			return fmt.Errorf("mandatory attribute 0x%04x is unknown to the client", a.kind)
		}
	}
	return nil
}

// mapped is the client's own address as it reads it.
func (r *STUNReplyRules) mapped(m *stunMessage) (netip.AddrPort, error) {
	if a, ok := m.get(stunXORMappedOld); ok && r.OldXOR {
		got, err := a.address()
		if err != nil {
			return netip.AddrPort{}, err
		}
		ip := got.Addr().As4()
		for i := range ip {
			ip[i] ^= m.id[i]
		}
		return netip.AddrPortFrom(netip.AddrFrom4(ip), got.Port()^binary.BigEndian.Uint16(m.id[:])), nil
	}
	a, ok := m.get(stunMappedAddress)
	if !ok {
		return netip.AddrPort{}, errors.New("reply without MAPPED-ADDRESS")
	}
	return a.address()
}
