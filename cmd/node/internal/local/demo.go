package local

import (
	"context"
	"crypto/rand"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// awaitDemoUsers returns when one of the users of dev mode has logged in, and out again: all three are made in one
// entry. In a cluster that was there before, her password may be another by now.
func awaitDemoUsers(ctx context.Context, addrs []string, resumed bool) error {
	for {
		for _, addr := range addrs {
			switch err := logIn(ctx, addr); {
			case err == nil, resumed && changed(err):
				return nil
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// changed reports whether a refusal means that somebody changed what dev mode once made.
func changed(err error) bool {
	switch convert.ParseError(err).Reason {
	case "CREDENTIALS_WRONG", "USER_DISABLED":
		return true
	}
	return false
}

// logIn logs alice in at a node, which has to lead for it.
func logIn(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	accounts := pb.NewAccountServiceClient(conn)
	in, err := accounts.LogIn(ctx, &pb.LogInRequest{Command: &pb.CommandContext{RequestId: rand.Text()},
		Username: "alice", Password: "alice123", Secret: secret, Client: "node dev"})
	if err != nil {
		return err
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+in.GetToken())
	_, _ = accounts.LogOut(ctx, &pb.LogOutRequest{Command: &pb.CommandContext{RequestId: rand.Text()}}) // else it ends by itself
	return nil
}
