#nullable enable
using UnityEngine;

namespace Dreamport.Samples
{
    /// <summary>Builds the portal sample when play begins: a floor, a cube, and a portal two metres wide. Walk around it: the level behind
    /// follows the camera.</summary>
    public sealed class PortalSample : MonoBehaviour
    {
        void Start()
        {
            var camera = SampleScene.CameraAndLight(new Vector3(0f, 1.6f, -2f));
            SampleScene.Box("Floor", new Vector3(0f, -0.05f, 0f), new Vector3(8f, 0.1f, 8f), new Color(0.5f, 0.5f, 0.55f));
            SampleScene.Box("Cube in front", new Vector3(-0.5f, 1.2f, 0.5f), Vector3.one * 0.4f, new Color(0.9f, 0.4f, 0.2f));

            var place = new GameObject("Dreamport World");
            // The level's start is put where the camera stands.
            place.transform.SetPositionAndRotation(camera.transform.position, camera.transform.rotation);
            var world = place.AddComponent<DreamportWorld>();
            world.StartAtTransform = true;
            world.Input = InputMode.CameraPose;
            world.PoseCamera = camera;

            var portal = GameObject.CreatePrimitive(PrimitiveType.Quad);
            portal.name = "Portal";
            portal.transform.SetPositionAndRotation(new Vector3(0f, 1.4f, 1.5f), Quaternion.identity);
            portal.transform.localScale = new Vector3(2.4f, 1.8f, 1f);
            portal.AddComponent<DreamportScreen>().World = world;

            camera.gameObject.AddComponent<FlyCamera>();
        }
    }
}
