#!/bin/sh
# Builds and signs driver.kext on a Mac with Xcode's command line tools.
#   IDENTITY="Developer ID Application: Your Company (TEAMID)" NOTARY_PROFILE=name sh build-on-a-mac.sh
# The identity must be one that Apple allows to sign kexts; without IDENTITY the kext is signed ad-hoc, which only a
# Mac with SIP disabled accepts. NOTARY_PROFILE is a profile stored with `xcrun notarytool store-credentials`.
set -eu
cd "$(dirname "$0")"
out=${1:-build}
kext=$out/driver.kext
sdk=$(xcrun --sdk macosx --show-sdk-path)
mkdir -p "$kext/Contents/MacOS"
cp Info.plist "$kext/Contents/Info.plist"
xcrun clang -isysroot "$sdk" -arch x86_64 -arch arm64e -mkernel -fapple-kext -nostdlib \
    -D KERNEL -D KERNEL_PRIVATE -I "$sdk/System/Library/Frameworks/Kernel.framework/Headers" \
    -Xlinker -kext -lkmod -lcc_kext -o "$kext/Contents/MacOS/driver" SampleDriver.c
codesign --force --timestamp --options runtime --sign "${IDENTITY:--}" "$kext"
codesign --verify --strict --verbose=2 "$kext"
if [ -n "${NOTARY_PROFILE:-}" ]; then
    ditto -c -k --keepParent "$kext" "$out/driver.zip"
    xcrun notarytool submit "$out/driver.zip" --keychain-profile "$NOTARY_PROFILE" --wait
    xcrun stapler staple "$kext"
fi
printf 'built %s; on the Mac: sudo chown -R root:wheel, then move it to /Library/Extensions\n' "$kext"
