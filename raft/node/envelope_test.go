package node

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft/blob"
)

func appendSum(p []byte) []byte {
	return binary.LittleEndian.AppendUint32(p, crc32.Checksum(p, castagnoli))
}

func TestEnvelopesAreTheseBytes(t *testing.T) {
	for _, c := range []struct {
		golden string
		got    []byte
	}{
		{"0101" + "0807060504030201" + "616e6f6e", encodeOpen(0x0102030405060708, "anon")},
		{"0102" + "0300000000000000" + "0200000000000000" + "0100000000000000" + "6869",
			encodeCommand(&Command{Session: 3, Seq: 2, AckedBelow: 1, Body: []byte("hi")})},
		{"01" + "07000000", AppendLevel(nil, 7)},
		{"0104" + "000102030405060708090a0b0c0d0e0f" + "0200" + "0300" + "6964" + "616e6e" + "6869",
			encodeRequest(&Command{RequestID: "id", Principal: "ann", Body: []byte("hi"),
				Digest: Digest{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}})},
		{"0103" + "0300000000000000" + "0807060504030201", encodeClose(3, 0x0102030405060708)},
		{"0105" + "0807060504030201" + "01" + strings.Repeat("00", 30) + "02" + "0500000000000000" + "0700000000000000" + "0900000000000000" + "616e6e",
			encodePin(0x0102030405060708, &blob.Confirmation{Sum: blob.Sum{0: 1, 31: 2}, Size: 5, Config: 7, NotAfter: 9}, "ann")},
		{"0106" + "6869", encodeTell([]byte("hi"))},
		{"0107", encodeMark()},
	} {
		require.Equal(t, c.golden, hex.EncodeToString(c.got))
	}
	e, err := decodeEnvelope(encodeCommand(&Command{Session: 3, Seq: 2, AckedBelow: 1, Body: []byte("hi")}))
	require.NoError(t, err)
	require.Equal(t, envelope{kind: envelopeCommand, session: 3, seq: 2, ackedBelow: 1, body: []byte("hi")}, e)
	e, err = decodeEnvelope(encodeOpen(9, "anon"))
	require.NoError(t, err)
	require.Equal(t, envelope{kind: envelopeOpen, nonce: 9, principal: []byte("anon")}, e)
	e, err = decodeEnvelope(encodeClose(3, 9))
	require.NoError(t, err)
	require.Equal(t, envelope{kind: envelopeClose, session: 3, nonce: 9}, e)
	e, err = decodeEnvelope(encodeRequest(&Command{RequestID: "id", Principal: "ann", Digest: Digest{7}, Body: []byte("hi")}))
	require.NoError(t, err)
	require.Equal(t, envelope{kind: envelopeRequest, requestID: []byte("id"), principal: []byte("ann"), digest: Digest{7}, body: []byte("hi")}, e)
}

func TestAPinComesBackAsItWasEncoded(t *testing.T) {
	c := blob.Confirmation{Ticket: 3, Sum: blob.SumOf([]byte("x")), Size: 1, Config: 7, NotAfter: 9}
	e, err := decodeEnvelope(encodePin(3, &c, "ann"))
	require.NoError(t, err)
	require.Equal(t, envelope{kind: envelopePin, principal: []byte("ann"), pin: c}, e)
	_, err = decodeEnvelope(encodePin(3, &c, "")[:envelopePinHead-1])
	require.ErrorIs(t, err, errEnvelope)
}

func TestAnEnvelopeIsEncodedInOneAllocation(t *testing.T) {
	c := &Command{Session: 3, Seq: 2, Body: make([]byte, 100)}
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() { encodeCommand(c) }))
	c.RequestID = "id"
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() { encodeRequest(c) }))
}

func TestWhatIsNoEnvelopeIsRefused(t *testing.T) {
	for _, p := range [][]byte{nil, {1}, {2, 1, 0, 0, 0, 0, 0, 0, 0, 0}, {1, 7, 0, 0, 0, 0, 0, 0, 0, 0}, {1, 5, 0, 0, 0, 0, 0, 0, 0, 0}, {1, 1, 0}, make([]byte, 40),
		encodeClose(3, 9)[:17], append(encodeClose(3, 9), 0),
		encodeRequest(&Command{RequestID: "", Principal: "ann"}), encodeRequest(&Command{RequestID: "id", Principal: "ann"})[:26]} {
		_, err := decodeEnvelope(p)
		require.ErrorIs(t, err, errEnvelope)
	}
	for _, p := range [][]byte{nil, {1}, {2, 0, 0, 0, 0}, {1, 0, 0, 0, 0, 0}} {
		_, ok := decodeLevel(p)
		require.False(t, ok)
	}
}
