package front

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"parley/cmd/bench/peers/kv"
)

// Client is some connections to a server.
type Client struct{ conns []*grpc.ClientConn }

// Dial opens connections.
func Dial(addr string, connections int) (*Client, error) {
	c := &Client{}
	for range connections {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

// Session is the n-th caller's: callers are dealt out to the connections.
func (c *Client) Session(n int) kv.Session { return session{c.conns[n%len(c.conns)]} }

// Close closes all connections.
func (c *Client) Close() (err error) {
	for _, conn := range c.conns {
		err = errors.Join(err, conn.Close())
	}
	return err
}

type session struct{ conn *grpc.ClientConn }

// Put is one call.
func (s session) Put(ctx context.Context, command []byte) error {
	var out emptypb.Empty
	return s.conn.Invoke(ctx, methodPut, &wrapperspb.BytesValue{Value: command}, &out)
}

// Get is one call.
func (s session) Get(ctx context.Context, key uint64) ([]byte, error) {
	var out wrapperspb.BytesValue
	err := s.conn.Invoke(ctx, methodGet, &wrapperspb.UInt64Value{Value: key}, &out)
	return out.Value, err
}
