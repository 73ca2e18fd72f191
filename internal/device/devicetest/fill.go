// Package devicetest prepares stores that know many devices, for tests and
// benchmarks. It measures nothing.
package devicetest

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/store"
)

// Fill writes the records of n devices, numbered from 0, to the store. It is
// quickest with identities that ascend with the number.
func Fill(ctx context.Context, s store.Store, n int, record func(i int) device.Record) error {
	var batch []store.Write
	for i := range n {
		batch = append(batch, device.Encode(record(i))...)
		if len(batch) < store.MaxWrites-1 && i < n-1 {
			continue
		}
		if err := s.PutMany(ctx, batch); err != nil {
			return fmt.Errorf("fill with device %d of %d: %w", i, n, err)
		}
		batch = batch[:0]
	}
	return nil
}

// ID returns the identity of the i-th device that Record describes.
func ID(i int) cwmp.DeviceID {
	return cwmp.DeviceID{
		Manufacturer: fmt.Sprintf("Example Networks %d", i/50_000%7),
		OUI:          fmt.Sprintf("00D0%02X", i/10_000%200),
		ProductClass: fmt.Sprintf("HG%04d", i/5_000%300),
		SerialNumber: fmt.Sprintf("48575443%08X", i),
	}
}

// Record describes the i-th of a fleet of home gateways as they are: few models,
// an address and a connection request URL for each, one in ten assigned.
func Record(i int) device.Record {
	address := netip.AddrFrom4([4]byte{100, byte(64 + i>>16), byte(i >> 8), byte(i)})
	rec := device.Record{
		ID: ID(i), CurrentACS: "north", Rule: "default", Listener: "cpe",
		Source:               netip.AddrPortFrom(address, uint16(1024+i%60_000)),
		SoftwareVersion:      fmt.Sprintf("V5R019C%02dS%03d", i/5_000%20, i%37),
		ConnectionRequestURL: fmt.Sprintf("http://%s:7547/%016x", address, uint64(i)*0x9E3779B97F4A7C15),
		Root:                 "InternetGatewayDevice.",
		FirstSeen:            time.Unix(1_700_000_000+int64(i), 0),
		LastInform:           time.Unix(1_800_000_000+int64(i%3600), 0),
		LastEvents:           []string{cwmp.EventPeriodic}, Sessions: uint32(1000 + i%500),
	}
	if i%2 == 0 {
		rec.UDPConnectionRequestAddress = rec.Source.String()
	}
	if i%10 == 0 {
		rec.Assignment = device.Assignment{HomeACS: "south", AssignReason: "migration 2026", AssignedAt: rec.LastInform}
	}
	return rec
}
