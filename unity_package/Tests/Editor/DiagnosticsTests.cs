#nullable enable
using Dreamport.Internal;
using Dreamport.Interop;
using NUnit.Framework;

namespace Dreamport.Tests
{
    /// <summary>What "Copy diagnostics" tells, and what it must not.</summary>
    public sealed class DiagnosticsTests
    {
        [Test]
        public void EverythingForHelpersAndNoSecret()
        {
            var settings = new SessionSettings();
            settings.Endpoint.Address = "127.0.0.1:9";
            settings.Endpoint.Token = "a-token-nobody-may-see";
            using (var session = new WorldSession(settings))
            {
                session.Update();
                var text = Diagnostics.Text("editor: test", session, null);
                Assert.That(text, Does.Contain("package: " + Diagnostics.PackageVersion));
                Assert.That(text, Does.Contain("native: " + NativeCore.Version));
                Assert.That(text, Does.Contain("editor: test"));
                Assert.That(text, Does.Contain("address: 127.0.0.1:9"));
                Assert.That(text, Does.Contain("token: set (not shown)"));
                Assert.That(text, Does.Not.Contain("nobody"));
            }
            Assert.That(NativeCore.LiveObjects, Is.EqualTo(0));
        }
    }
}
