package dgram

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"sockwire/raw/cmsg"
)

// Serve calls handle for every datagram until ctx is done, then for those that had arrived by then, waits for the calls
// to return, and returns nil. With several workers, calls run at the same time. Errors of the network about what handle
// sends never end it; they are in Reports. Any other error does, once the calls in progress have returned.
//
// d and its Payload are valid during the call. The context that handle gets is not cancelled by ctx. Answer with Reply.
func (c *Conn) Serve(ctx context.Context, workers int, handle func(ctx context.Context, d *Datagram)) error {
	stop := cmsg.Until(ctx, c.nc.SetReadDeadline)
	work := context.WithoutCancel(ctx)
	workers = max(workers, 1)
	errs := make([]error, workers)
	batches := make([]*Batch, workers)
	var wg sync.WaitGroup
	for i := range workers {
		batches[i] = c.NewBatch(16, 1<<16)
		wg.Go(func() { errs[i] = c.work(ctx, work, batches[i], handle) })
	}
	wg.Wait()
	stop()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// What arrived before the end is in the receive buffer. New arrivals must not keep us here.
	for end := time.Now().Add(drainTime); time.Now().Before(end); {
		ds, err := c.TryReceiveBatch(batches[0])
		if err != nil || len(ds) == 0 {
			break
		}
		for i := range ds {
			handle(work, &ds[i])
		}
	}
	return nil
}

const drainTime = 200 * time.Millisecond

func (c *Conn) work(ctx, work context.Context, b *Batch, handle func(context.Context, *Datagram)) error {
	for {
		ds, err := c.ReceiveBatch(b)
		for i := range ds {
			handle(work, &ds[i])
		}
		var netErr *NetworkError
		switch {
		case err == nil, errors.As(err, &netErr):
		case ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		default:
			return err
		}
	}
}
