package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// secretCharsMin is 128 bits in hexadecimal.
const secretCharsMin = 32

// secretBytesMax bounds the file.
const secretBytesMax = 4 << 10

// ReadSecret reads a secret or key from a file that only its owner may read.
func ReadSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the file of the secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("the file of the secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s has mode %04o, so that others can read the secret: chmod 600 it", path, info.Mode().Perm())
	}
	if !info.Mode().IsRegular() || info.Size() > secretBytesMax {
		return "", fmt.Errorf("%s is no file with a secret", path)
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return "", fmt.Errorf("the file of the secret: %w", err)
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" || strings.ContainsAny(secret, " \t\r\n") {
		return "", fmt.Errorf("%s does not hold one word", path)
	}
	return secret, nil
}

// A door lets in who has the secret. Health is answered to all: whoever asks for it learns nothing else.
type door struct {
	sum [sha256.Size]byte
	log *slog.Logger
}

func newDoor(secret string, log *slog.Logger) door {
	return door{sum: sha256.Sum256([]byte(secret)), log: log}
}

// may reports whether the call may go on. Hashes are compared, so that neither length nor prefix can be felt.
func (d door) may(ctx context.Context, method string) error {
	if strings.HasPrefix(method, "/grpc.health.v1.") {
		return nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	for _, v := range md.Get("authorization") {
		scheme, secret, _ := strings.Cut(v, " ")
		sum := sha256.Sum256([]byte(strings.TrimSpace(secret)))
		if strings.EqualFold(scheme, "bearer") && subtle.ConstantTimeCompare(sum[:], d.sum[:]) == 1 {
			return nil
		}
	}
	return status.Error(codes.Unauthenticated, "the call does not carry the secret of this LLM server")
}

func (d door) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer d.recover(info.FullMethod, &err)
	if err := d.may(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (d door) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer d.recover(info.FullMethod, &err)
	if err := d.may(ss.Context(), info.FullMethod); err != nil {
		return err
	}
	return next(srv, ss)
}

// recover turns a panic in a backend into one failed call. The panic's value is not logged: a library may put
// into it what it was working on.
func (d door) recover(method string, err *error) {
	if p := recover(); p != nil {
		d.log.Error("a call panicked", "method", method, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "the backend failed in a way that is not known")
	}
}
