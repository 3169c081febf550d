package datasets

import (
	"bytes"
	"encoding/binary"
)

// exifReach is how far into a file its orientation is looked for. Cameras write it
// at the beginning.
const exifReach = 128 << 10

// orientationOf returns the orientation that a camera wrote into a JPEG or TIFF
// file, given its beginning: 1 to 8, 1 where there is none.
func orientationOf(file []byte) int {
	if !bytes.HasPrefix(file, []byte{0xff, 0xd8}) {
		return orientationTag(file)
	}
	for at := 2; at+4 <= len(file) && file[at] == 0xff; {
		marker, size := file[at+1], int(binary.BigEndian.Uint16(file[at+2:]))
		if marker == 0xda || size < 2 || at+2+size > len(file) { // the picture begins
			return 1
		}
		segment := file[at+4 : at+2+size]
		if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok && marker == 0xe1 {
			return orientationTag(tiff)
		}
		at += 2 + size
	}
	return 1
}

// orientationTag reads tag 0x112 of the first directory of a TIFF file.
func orientationTag(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if tiff[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			return 1
		}
		const short = 3
		if order.Uint16(entries) == 0x112 && order.Uint16(entries[2:]) == short {
			if v := order.Uint16(entries[8:]); v >= 1 && v <= 8 {
				return int(v)
			}
			return 1
		}
		entries = entries[12:]
	}
	return 1
}
