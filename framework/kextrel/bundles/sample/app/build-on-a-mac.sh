#!/bin/sh
# Builds, signs and notarizes the app with its three extensions on a Mac with Xcode and its DriverKit SDK.
#   TEAM=TEAMID IDENTITY="Developer ID Application: Your Company (TEAMID)" PROFILES=folder NOTARY_PROFILE=name \
#       sh build-on-a-mac.sh [FOLDER]
# Apple must have granted the team the entitlements: System Extension, Endpoint Security, Network Extension, DriverKit.
# PROFILES has their provisioning profiles: host, agent, filter, device, each NAME.provisionprofile. Without IDENTITY
# all is signed ad-hoc, which only a Mac with SIP disabled and AMFI relaxed runs. NOTARY_PROFILE is a profile that was
# stored with `xcrun notarytool store-credentials`. The identifiers are com.example.kextrel's: PREFIX sets your own.
set -eu
cd "$(dirname "$0")"
out=${1:-build} team=${TEAM:--} prefix=${PREFIX:-com.example.kextrel}
app=$out/Kextrel-$prefix.app
inside=$app/Contents/Library/SystemExtensions
sdk=$(xcrun --sdk macosx --show-sdk-path)
kit=$(xcrun --sdk driverkit --show-sdk-path)
both="-arch arm64 -arch x86_64"

# fill FILE: with this team's and this prefix's names
fill() { sed -e "s/KXTRL00001/$team/g" -e "s/com\.example\.kextrel/$prefix/g" "$1"; }

# seal BUNDLE NAME CONTENTS: its profile goes in, then it is signed; what is inside must be signed before
seal() {
    if [ -n "${PROFILES:-}" ]; then cp "$PROFILES/$2.provisionprofile" "$3/embedded.provisionprofile"; fi
    fill "$2.entitlements" >"$out/$2.entitlements"
    codesign --force --timestamp --options runtime --entitlements "$out/$2.entitlements" --sign "${IDENTITY:--}" "$1"
}

rm -rf "$app"
mkdir -p "$app/Contents/MacOS" "$inside"
for name in agent filter; do
    bundle=$inside/$prefix.$name.systemextension
    mkdir -p "$bundle/Contents/MacOS"
    fill "$name-Info.plist" >"$bundle/Contents/Info.plist"
done
xcrun clang -isysroot "$sdk" $both -mmacosx-version-min=10.15 -fblocks -lEndpointSecurity -lbsm \
    -o "$inside/$prefix.agent.systemextension/Contents/MacOS/$prefix.agent" agent.c
xcrun clang -isysroot "$sdk" $both -mmacosx-version-min=10.15 -fobjc-arc -framework Foundation \
    -framework NetworkExtension -o "$inside/$prefix.filter.systemextension/Contents/MacOS/$prefix.filter" filter.m

dext=$inside/$prefix.device.dext # a flat bundle
mkdir -p "$dext"
fill device-Info.plist >"$dext/Info.plist"
xcrun --sdk driverkit iig --def device.iig --header "$out/device.h" --impl "$out/device.iig.cpp" \
    --framework-name device --deployment-target 20.0 -- -isysroot "$kit" -x c++ -std=gnu++17 -D__IIG=1
xcrun --sdk driverkit clang++ -isysroot "$kit" $both -std=gnu++17 -fno-exceptions -fno-rtti -I "$out" \
    -F "$kit/System/DriverKit/System/Library/Frameworks" -framework DriverKit \
    -o "$dext/$prefix.device" device.cpp "$out/device.iig.cpp"

fill host-Info.plist >"$app/Contents/Info.plist"
printf 'APPL????' >"$app/Contents/PkgInfo"
xcrun clang -isysroot "$sdk" $both -mmacosx-version-min=10.15 -fobjc-arc -framework Foundation \
    -framework SystemExtensions -o "$app/Contents/MacOS/Kextrel-$prefix" host.m

for name in agent filter; do
    bundle=$inside/$prefix.$name.systemextension
    seal "$bundle" "$name" "$bundle/Contents"
done
seal "$dext" device "$dext"
seal "$app" host "$app/Contents"
codesign --verify --deep --strict --verbose=2 "$app"
if [ -n "${NOTARY_PROFILE:-}" ]; then
    ditto -c -k --keepParent "$app" "$out/app.zip"
    xcrun notarytool submit "$out/app.zip" --keychain-profile "$NOTARY_PROFILE" --wait
    xcrun stapler staple "$app"
fi
printf 'built %s; on the Mac: move it to /Applications\n' "$app"
