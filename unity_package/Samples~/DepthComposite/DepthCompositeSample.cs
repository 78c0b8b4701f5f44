#nullable enable
using UnityEngine;

namespace Dreamport.Samples
{
    /// <summary>Builds the depth composite sample when play begins: you walk in the level with W A S D and the mouse, the scene's camera follows,
    /// and three cubes stand in the level. Needs the renderer feature: Tools > Dreamport > Add Composite to the URP Renderer.</summary>
    public sealed class DepthCompositeSample : MonoBehaviour
    {
        void Start()
        {
            var camera = SampleScene.CameraAndLight(new Vector3(0f, 1.6f, 0f));
            // A little narrower than the level's own camera (90 degrees across), so that its picture covers the screen.
            camera.fieldOfView = 55f;
            var place = new GameObject("Dreamport World");
            place.transform.SetPositionAndRotation(camera.transform.position, Quaternion.identity);
            var world = place.AddComponent<DreamportWorld>();
            world.StartAtTransform = true;
            world.Input = InputMode.PlayerInput;
            world.CameraMode = CameraMode.FollowsFrame;
            world.FollowCamera = camera;
            world.Opened += opened => PlaceCubes(opened);
        }

        static void PlaceCubes(DreamportWorld world)
        {
            var placed = false;
            world.FrameShown += shown =>
            {
                if (placed)
                    return;
                placed = true;
                // Before the player: one close by, one behind it, and one that a wall of the level will hide.
                var start = shown.FrameCameraPose;
                var colours = new[] { new Color(0.9f, 0.3f, 0.2f), new Color(0.3f, 0.8f, 0.3f), new Color(0.3f, 0.4f, 0.9f) };
                var distances = new[] { 1.5f, 3f, 12f };
                for (var i = 0; i < 3; i++)
                    SampleScene.Box($"Cube {i}", start.position + start.rotation * new Vector3(-0.5f + 0.5f * i, -0.2f, distances[i]),
                        Vector3.one * 0.3f, colours[i]);
            };
        }
    }
}
