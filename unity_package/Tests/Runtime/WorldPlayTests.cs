#nullable enable
using System.Collections;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.TestTools;

namespace Dreamport.Tests
{
    /// <summary>In play mode, in an engine. The second needs a backend at the default address (`dreamport serve`); without one it is ignored.
    /// Not run by the project's own tests, which have no engine; tests/csharp/Live does the same on stubs.</summary>
    public sealed class WorldPlayTests
    {
        [UnityTest]
        public IEnumerator AnAbsentBackendIsAStateAndNotAnException()
        {
            var world = Make("127.0.0.1:9");
            for (var i = 0; i < 300 && world.State != ConnectionState.Waiting; i++)
                yield return null;
            Assert.That(world.State, Is.EqualTo(ConnectionState.Waiting));
            Assert.That(world.Problem, Is.EqualTo(ConnectionProblem.BackendAbsent));
            Assert.That(world.Message, Is.Not.Empty);
            Object.Destroy(world.gameObject);
            yield return null;
        }

        [UnityTest]
        public IEnumerator FramesReachTheTextures()
        {
            var world = Make("");
            for (var i = 0; i < 600 && !world.HasFrame; i++)
                yield return null;
            if (!world.HasFrame)
                Assert.Ignore("no backend at the default address: " + world.Message);
            Assert.That(world.ColourTexture!.width, Is.EqualTo(world.FrameSize.x));
            var first = world.FrameId;
            for (var i = 0; i < 120 && world.FrameId == first; i++)
                yield return null;
            Assert.That(world.FrameId, Is.GreaterThan(first));
            Object.Destroy(world.gameObject);
            yield return null;
            Assert.That(Interop.NativeCore.LiveObjects, Is.EqualTo(0));
        }

        static DreamportWorld Make(string address)
        {
            var place = new GameObject("world");
            place.SetActive(false);
            var world = place.AddComponent<DreamportWorld>();
            world.Address = address;
            place.SetActive(true);
            return world;
        }
    }
}
