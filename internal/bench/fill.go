package main

import (
	"context"
	"errors"

	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/device/devicetest"
)

// fillRegistry makes a data directory whose store knows n devices of the ACS
// that acsgate is measured with.
func fillRegistry(ctx context.Context, dir string, n int) error {
	s, err := openFilled(dir)
	if err != nil {
		return err
	}
	err = devicetest.Fill(ctx, s, n, func(i int) device.Record {
		record := devicetest.Record(i)
		record.CurrentACS = gatewayACS
		return record
	})
	return errors.Join(err, s.Close())
}
